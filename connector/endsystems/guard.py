"""Where requests may go: the URLs that the configuration allows, and the addresses that nothing ever allows."""

import re
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote

from aiohttp import AddrInfoType
from yarl import URL

Address = IPv4Address | IPv6Address

URL_TEXT = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
"""ASCII without blanks and without the backslash, which some servers take for a slash."""
HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
FORBIDDEN_V4 = [IPv4Network(text) for text in ("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "192.0.0.0/24")]
"""This network, link-local (metadata of most clouds), multicast to broadcast, and protocol assignments (metadata of Oracle)."""
FORBIDDEN_V6 = [IPv6Network(text) for text in ("::/128", "fe80::/10", "ff00::/8", "fd00:ec2::/32", "fd20:ce::254/128")]
"""Unspecified, link-local, multicast, metadata of AWS and of Google."""
METADATA_V4 = frozenset(IPv4Address(text) for text in ("100.100.100.200", "168.63.129.16"))
"""Alibaba's and Azure's, which lie among addresses that are fine."""
EMBEDDING = [IPv6Network(text) for text in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")]
"""An IPv4 address in the last 32 bits: compatible (RFC 4291) and NAT64 (RFC 6052, RFC 8215)."""


KNOWN = 256
"""Base URLs, and addresses, whose parts or fate are remembered: neither is secret, and few are used over and over."""


class ForbiddenAddress(OSError):
    """A connection to this address is never made. An `OSError`, so that the other addresses of a name are still tried."""


@dataclass(frozen=True, slots=True)
class UrlPrefix:
    """Scheme, host, port and the path that a URL must lie within."""

    scheme: str
    host: str
    port: int
    path: str

    def covers(self, url: URL) -> bool:
        """Whether a checked URL lies within, on the boundary of a segment."""
        origin = (self.scheme, self.host, self.port) == (url.scheme, url.host, url.port)
        return origin and f"{url.raw_path}/".startswith(f"{self.path.rstrip('/')}/")


@lru_cache(maxsize=KNOWN)
def url_prefix(text: str) -> UrlPrefix:
    """Parse a prefix of the configuration, or a base URL. Raises `ValueError`."""
    url = checked_url(text)
    if url.raw_query_string or text.endswith("?"):
        raise ValueError("expected a URL without a query")
    return UrlPrefix(url.scheme, url.host or "", url.port or 0, url.raw_path)


def allowed_target(text: str, allowed: Sequence[UrlPrefix]) -> URL:
    """Parse the URL of a request. Raises `ValueError` if it is none, or lies outside all that is allowed."""
    url = checked_url(text)
    if not any(prefix.covers(url) for prefix in allowed):
        raise ValueError("lies outside end_system.allowed_urls")
    return url


def checked_url(text: str) -> URL:
    """Parse an absolute URL as it is, normalising nothing. Raises `ValueError`, which never repeats the URL."""
    if not URL_TEXT.fullmatch(text):
        raise ValueError("expected a URL of printable ASCII without blanks and backslashes")
    try:
        url = URL(text, encoded=True)
        port = url.port
    except ValueError:
        raise ValueError("expected a URL") from None
    if url.scheme not in {"http", "https"} or not port or not HOST.fullmatch(url.raw_host or ""):
        raise ValueError("expected http:// or https:// and a host")
    if "@" in url.raw_authority:
        raise ValueError("expected no user or password in the URL")
    if "#" in text:
        raise ValueError("expected no fragment in the URL")
    if any(_walks(segment) for segment in re.split(r"[/\\]", unquote(url.raw_path))):
        raise ValueError("expected a path without dot segments")
    if (literal := _literal(url.host or "")) is not None and is_forbidden(literal):
        raise ValueError("expected no link-local, metadata, unspecified, multicast or broadcast address")
    return url


def guarded_socket(address_info: AddrInfoType) -> socket.socket:
    """Make the socket for a resolved address, as aiohttp's `socket_factory`. Raises `ForbiddenAddress`."""
    family, kind, protocol, _, address = address_info
    if _is_forbidden_text(address[0]):
        raise ForbiddenAddress("link-local, metadata, unspecified, multicast or broadcast address")
    return socket.socket(family, kind, protocol)


@lru_cache(maxsize=KNOWN)
def _is_forbidden_text(address: str) -> bool:
    return is_forbidden(ip_address(address))


def is_forbidden(address: Address) -> bool:
    """Whether nothing may ever connect there: no end system lives at such an address. Loopback and private ones are fine."""
    return any(_is_forbidden(each) for each in (address, *_embedded(address)))


def _is_forbidden(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return address in METADATA_V4 or any(address in network for network in FORBIDDEN_V4)
    return any(address in network for network in FORBIDDEN_V6)


def _embedded(address: Address) -> Iterator[IPv4Address]:
    if isinstance(address, IPv4Address) or address.is_loopback:
        return
    known = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))
    yield from (embedded for embedded in known if embedded is not None)
    if any(address in network for network in EMBEDDING):
        yield IPv4Address(int(address) & 0xFFFF_FFFF)


def _literal(host: str) -> Address | None:
    """Return the address that a host is, in whatever spelling: `169.254.169.254`, `0xa9.254.43518`, `2852039166`."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _walks(segment: str) -> bool:
    """Whether a server may take this segment for a step up; some drop what follows a semicolon."""
    return segment.partition(";")[0] in {".", ".."}
