"""The configuration of outgoing requests, checked: where they may go, by which proxy, and whom they trust."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from yarl import URL

from connector.config import settings as config
from connector.endsystems.http.guard import UrlPrefix, url_prefix
from connector.endsystems.profile.grammar import parse
from connector.endsystems.profile.template import Source, Template
from connector.endsystems.profile.values import CannotSend, Values
from connector.model.credential import Credential
from connector.runtime.certificates import show
from connector.runtime.file_access import why_not


@dataclass(frozen=True, slots=True, repr=False)
class Egress:
    """Where requests may go, and by which way."""

    base_url: Template | None
    """Refers to the credential or to settings only: those to the environment are resolved."""
    allowed: tuple[UrlPrefix, ...]
    tls: ssl.SSLContext
    proxy: URL | None

    @property
    def fixed_base_url(self) -> str | None:
        """The base URL, if no session chooses a part of it."""
        if self.base_url is None or [*self.base_url.references]:
            return None
        return self.base_url.render(str)


def checked_egress(settings: config.EndSystemSection, environ: Mapping[str, str], problems: list[str]) -> Egress:
    """Check this part of the configuration, and add what is wrong to `problems`."""
    base_url = _base_url(settings.base_url, environ, problems)
    return Egress(
        base_url=base_url,
        allowed=_allowed(settings.allowed_urls, base_url, problems),
        tls=_tls(settings, problems),
        proxy=_proxy(settings.proxy, problems),
    )


def _base_url(text: str | None, environ: Mapping[str, str], problems: list[str]) -> Template | None:
    if text is None:
        return None
    try:
        template = _with_variables(parse(text), environ)
        # With a reference in it, the address is known and checked only with a session.
        if not [*template.references]:
            url_prefix(template.render(str))
    except ValueError as problem:
        problems.append(f"end_system.base_url: {problem}")
        return None
    return template


def _with_variables(template: Template, environ: Mapping[str, str]) -> Template:
    """Put the environment's values in their places. Raises `ValueError`."""
    if template.names(Source.SETTING) and template.names(Source.CREDENTIAL):
        raise ValueError("expected setting.<name> or credential.<header>, because no request knows both")
    values = Values(Credential(), environ)
    parts = []
    for part in template.parts:
        if isinstance(part, str) or (part.source in {Source.CREDENTIAL, Source.SETTING} and not part.is_optional):
            parts.append(part)
        elif part.source is Source.ENV:
            try:
                parts.append(values.of(part))
            except CannotSend as problem:
                raise ValueError(problem.message) from None
        else:
            raise ValueError(f"expected only setting.<name>, credential.<header> and env.CONNECTOR_<NAME> in braces, not {part}")
    return Template(template.text, tuple(parts))


def _allowed(texts: list[str], base_url: Template | None, problems: list[str]) -> tuple[UrlPrefix, ...]:
    prefixes = []
    for place, text in enumerate(texts):
        try:
            prefixes.append(url_prefix(text))
        except ValueError as problem:
            problems.append(f"end_system.allowed_urls[{place}]: {problem}")
    if texts or base_url is None:
        return tuple(prefixes)
    if [*base_url.references]:
        problems.append(
            "end_system.allowed_urls: is missing; sessions choose a part of end_system.base_url, so say where it may lead"
        )
        return ()
    return (url_prefix(base_url.render(str)),)


def _tls(settings: config.EndSystemSection, problems: list[str]) -> ssl.SSLContext:
    certificate, key = settings.client_certificate, settings.client_key
    if certificate is None:
        if key is not None:
            problems.append("end_system.client_key: expected end_system.client_certificate beside it")
        return _trusting(settings.ca_file, problems)
    # A context of its own: what is shown to one end system is nobody else's.
    tls = ssl.create_default_context() if settings.ca_file is None else _trusting(settings.ca_file, problems)
    problems += show(tls, certificate, key or certificate, ("end_system.client_certificate", "end_system.client_key"))
    return tls


def _trusting(ca_file: Path | None, problems: list[str]) -> ssl.SSLContext:
    if ca_file is None:
        return _systems_tls()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        problems.append("end_system.ca_file: expected a file with certificates in PEM format")
    except OSError as problem:
        problems.append(f"end_system.ca_file: cannot be read: {why_not(problem, ca_file)}")
    except ValueError:
        problems.append("end_system.ca_file: expected the path of a file")
    return _systems_tls()


@cache
def _systems_tls() -> ssl.SSLContext:
    """Return the authorities that the system trusts. They are read once, because that takes longer than all other checks."""
    return ssl.create_default_context()


def _proxy(text: str | None, problems: list[str]) -> URL | None:
    if text is None:
        return None
    try:
        url = URL(text)
        complete = (
            url.scheme == "http" and url.host and url.port and url.path == "/" and not url.query_string and not url.fragment
        )
    except ValueError:
        complete = False
    if not complete:
        problems.append("end_system.proxy: expected http://host:port, with user:password@ before the host if it needs them")
        return None
    return url
