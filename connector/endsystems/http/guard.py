"""Where requests may go: the URLs that the configuration allows, without the addresses that are always forbidden."""

import re
import socket
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address

from aiohttp import AddrInfoType
from msgspec import Struct
from yarl import URL

from connector.endsystems.http.dot_segments import walks
from connector.endsystems.http.forbidden_addresses import is_forbidden
from connector.model.addresses import literal

URL_TEXT = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
"""ASCII without blanks, and without the backslash that some servers take for a slash."""
HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")


KNOWN = 256
"""URLs, hosts and addresses whose verdict is cached: none is secret, and a few are used again and again."""


class ForbiddenAddress(OSError):
    """A forbidden address. An `OSError`, so that the other addresses of a name are still tried."""


class UrlPrefix(Struct, frozen=True):
    """Scheme, host, port and the path that a URL must lie within."""

    scheme: str
    host: str
    port: int
    path: str

    def __str__(self) -> str:
        return str(URL.build(scheme=self.scheme, host=self.host, port=self.port, path=self.path, encoded=True))

    def covers(self, url: URL) -> bool:
        """Whether a checked URL lies within, on the boundary of a segment."""
        origin = (self.scheme, self.host, self.port) == (url.scheme, url.host, url.port)
        # With a slash on both sides, or `/desk` would allow `/desktop`.
        return origin and f"{url.raw_path}/".startswith(f"{self.path.rstrip('/')}/")


@lru_cache(maxsize=KNOWN)
def url_prefix(text: str) -> UrlPrefix:
    """Parse a prefix of the configuration, or a base URL. Raises `ValueError`."""
    url = checked_url(text)
    if url.raw_query_string or text.endswith("?"):
        raise ValueError("expected a URL without a query")
    return UrlPrefix(url.scheme, url.host or "", url.port or 0, url.raw_path)


def allowed_target(text: str, allowed: Sequence[UrlPrefix], *, is_known: bool = False) -> URL:
    """Parse the URL of a request. Raises `ValueError` if it is not a URL, or is not allowed.

    One that `is_known` holds no secret, and is asked for again and again.
    """
    url = _known_url(text) if is_known else checked_url(text)
    if not any(prefix.covers(url) for prefix in allowed):
        raise ValueError("lies outside end_system.allowed_urls")
    return url


def checked_url(text: str) -> URL:
    """Parse an absolute URL without normalising it. Raises `ValueError`, which never repeats the URL."""
    if not URL_TEXT.fullmatch(text):
        raise ValueError("expected a URL of printable ASCII without blanks and backslashes")
    try:
        url = URL(text, encoded=True)
        # Looked at here, because yarl parses the port late, and raises then.
        port = url.port
    except ValueError:
        raise ValueError("expected a URL") from None
    if url.scheme not in {"http", "https"} or not port or not HOST.fullmatch(url.raw_host or ""):
        raise ValueError("expected http:// or https:// and a host")
    # `https://desk.example@evil.example` looks like the first host, and leads to the second one.
    if "@" in url.raw_authority:
        raise ValueError("expected no user or password in the URL")
    if "#" in text:
        raise ValueError("expected no fragment in the URL")
    if walks(url.raw_path):
        raise ValueError("expected a path without dot segments")
    if _is_forbidden_host(url.host or ""):
        raise ValueError("expected no link-local, metadata, unspecified, multicast or broadcast address")
    return url


_known_url = lru_cache(maxsize=KNOWN)(checked_url)


def guarded_socket(address_info: AddrInfoType) -> socket.socket:
    """Make the socket for a resolved address, as aiohttp's `socket_factory`. Raises `ForbiddenAddress`."""
    # Here, because a name may resolve to another address than the one that was checked before.
    family, kind, protocol, _, address = address_info
    if _is_forbidden_text(address[0]):
        raise ForbiddenAddress("link-local, metadata, unspecified, multicast or broadcast address")
    return socket.socket(family, kind, protocol)


@lru_cache(maxsize=KNOWN)
def _is_forbidden_host(host: str) -> bool:
    address = literal(host)
    return address is not None and is_forbidden(address)


@lru_cache(maxsize=KNOWN)
def _is_forbidden_text(address: str) -> bool:
    return is_forbidden(ip_address(address))
