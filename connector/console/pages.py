"""Pages as bytes: templates with what they show. What comes from elsewhere is escaped, always."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from aiohttp import web
from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from connector.admin.phrases import moment, plain, size, span
from connector.console.assets import Asset, static_files, templates
from connector.console.entrances import Login
from connector.model.audit import Actor
from connector.version import __version__

LOGIN = web.RequestKey("login", Login)
"""Who has asked, once he is known."""
BY_SCRIPT = "HX-Request"
"""The header by which the page's own script asks: it wants the content without the frame."""


def actor_before(request: web.Request) -> Actor:
    """Return who acts, as the audit log has it."""
    return Actor(request[LOGIN].user, f"console {request.remote}")


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders templates."""

    static: Mapping[str, Asset] = field(default_factory=static_files)
    environment: Environment = field(init=False)

    def __post_init__(self) -> None:
        environment = Environment(loader=DictLoader(templates()), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
        environment.filters |= {"ago": _ago, "plain": plain, "said": _said, "size": size, "span": span}
        environment.globals |= {"static": self._url, "version": __version__}
        for name in environment.list_templates():
            environment.get_template(name)  # compiled now, so that a mistake shows at the start
        object.__setattr__(self, "environment", environment)

    def page(self, request: web.Request, template: str, status: HTTPStatus = HTTPStatus.OK, **shown: Any) -> web.Response:
        """Answer with a page; the page's script gets its content alone."""
        layout = "bare.html" if BY_SCRIPT in request.headers else "whole.html"
        login = request.get(LOGIN)
        here = str(request.rel_url)
        below = request.path.removeprefix(_base(login))
        text = self.text(login, template, layout=layout, here=here, here_is=partial(_is_at, below), **shown)
        return web.Response(text=text, content_type="text/html", status=status)

    def text(self, login: Login | None, template: str, **shown: Any) -> str:
        """Render a template."""
        return self.environment.get_template(template).render(login=login, base=_base(login), now=time.time(), **shown)

    def _url(self, name: str) -> str:
        return f"/static/{name}?{self.static[name].digest}"


def _base(login: Login | None) -> str:
    return f"/s/{login.place}" if login else ""


def _is_at(here: str, path: str) -> bool:
    """Tell whether a page is that of an entry of the menu, or lies below it."""
    return here == path or (path != "/" and here.startswith(f"{path}/"))


def _said(value: object) -> Markup | str:
    return value if isinstance(value, Markup) else plain(str(value))


def _ago(at: float | None, now: float) -> Markup | str:
    """Say when something is or was, with the exact moment behind it."""
    if at is None:
        return ""
    exact = datetime.fromtimestamp(at, UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        exact.isoformat(timespec="seconds"), exact.strftime("%Y-%m-%d %H:%M:%S UTC"), moment(at, now)
    )
