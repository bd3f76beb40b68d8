"""The console while the server runs, if it is switched on. What it is made of is imported only then."""

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

import structlog
from yarl import URL

from connector.admin.service import Admin
from connector.admin.shown import ShownLink
from connector.api.control import MakeLink
from connector.api.doors import Doors, listen
from connector.api.http_errors import ApiError
from connector.api.sites import running
from connector.config.settings import ConsoleSection, Settings
from connector.console.entrances import CODE_LASTS, Entrances
from connector.model.addresses import is_loopback
from connector.preflight.console_token import console_token
from connector.preflight.listener import certificate_again, listener_tls
from connector.preflight.reloading import ReadAgain, Take
from connector.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

MOST = 64
"""Connections. Each window that watches has one, beside those for its pages."""
EVERY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing listens here
"""Addresses that stand for all of a machine, and what a browser on it calls instead."""
BEHIND_PROXY = "The console serves other machines in clear text, so a link would be read on the way. Enter it through its proxy."


@asynccontextmanager
async def console_served(
    admin: Admin,
    metrics: Metrics,
    settings: Settings,
    doors: Doors,
    environ: Mapping[str, str],
    *,
    at_hang_up: Callable[[ReadAgain], None] = lambda _: None,
) -> AsyncIterator[MakeLink | None]:
    """Serve the console while the context is open; yields how a link into it is made, or None if it is switched off.

    `at_hang_up` is told how the console reads its certificate and its token again.

    Raises:
        ConfigurationError: its address, its certificate or its token cannot be used.
    """
    if not doors.console:
        yield None
        return
    from connector.console.console_app import console_app

    entrances = Entrances(console_token(settings.console, environ))
    tls = listener_tls(settings.console.tls, "console")
    at_hang_up(partial(_read_again, settings.console, environ, entrances, tls))
    async with running(console_app(admin, metrics, settings, entrances), settings, most=MOST) as runner:
        await listen(runner, "console", doors.console, tls)
        url = _url(runner.addresses[0], tls)
        log.info("serving the console; `connector console` prints a link that lets you in", url=str(url))

        def link(user: str) -> ShownLink:
            if url.scheme == "http" and not is_loopback(url.host or ""):
                raise ApiError(HTTPStatus.CONFLICT, "console_behind_proxy", BEHIND_PROXY)
            return ShownLink(str(url.with_fragment(entrances.new_code(user))), CODE_LASTS)

        yield link


def _read_again(console: ConsoleSection, environ: Mapping[str, str], entrances: Entrances, tls: ssl.SSLContext | None) -> Take:
    """Read the token and the certificate, and return what takes them. Raises `ConfigurationError`."""
    token = console_token(console, environ)
    show_it = None if tls is None else certificate_again(tls, console.tls, "console")

    def take() -> None:
        entrances.take(token)
        if show_it is not None:
            show_it()

    return take


def _url(address: tuple[str, int], tls: ssl.SSLContext | None) -> URL:
    host, port, *_ = address
    return URL.build(scheme="https" if tls else "http", host=EVERY.get(host, host), port=port, path="/")
