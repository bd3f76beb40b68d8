"""Who may call at all: to anybody else there is nothing here."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from connector.api.errors import not_found

EVERYWHERE = frozenset([ip_network("0.0.0.0/0"), ip_network("::/0")])


def only_from(networks: Sequence[str], turned_away: Callable[[], None]) -> Middleware:
    """Return the middleware that answers 404 to callers outside of these networks; `turned_away` is told of each.

    An IPv4 caller of a socket that takes both counts as the IPv4 address that it is. Who calls is who made the connection: what
    a proxy says in a header is not believed.
    """
    allowed = [ip_network(network) for network in networks]
    anybody = {*allowed} >= EVERYWHERE

    @web.middleware
    async def check_caller(request: web.Request, handler: Handler) -> web.StreamResponse:
        if anybody or _is_in(_address(request.remote), allowed):
            return await handler(request)
        turned_away()
        raise not_found()

    return check_caller


def is_from_beyond(request: web.Request) -> bool:
    """Tell whether the caller is not on this machine: an application may be served elsewhere than its configuration says."""
    address = _address(request.remote)
    return not address.is_loopback if address else bool(request.remote)  # a Unix socket has none


def _is_in(caller: IPv4Address | IPv6Address | None, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return caller is not None and any(caller in network for network in networks)


@lru_cache(maxsize=1024)  # the same few call again and again
def _address(remote: str | None) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address((remote or "").partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
