"""Who may call at all. Anybody else is answered 404."""

from collections.abc import Callable, Sequence
from enum import Enum
from functools import lru_cache
from ipaddress import ip_address, ip_network

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from structlog.contextvars import bind_contextvars

from connector.api.forwarding import chain_of, is_forwarded
from connector.api.hosts import Hosts
from connector.api.http_errors import not_found
from connector.model.addresses import Address, is_in, unmapped

EVERYWHERE = frozenset([ip_network("0.0.0.0/0"), ip_network("::/0")])
SEC_FETCH_SITE = "Sec-Fetch-Site"


class Refusal(Enum):
    """Why a caller may not call: the word by which it is counted, and what the log says."""

    ORIGIN = "browser", "a web page calls, and not a person or a program: it sends Origin, or a Sec-Fetch-Site other than none"
    HOST = "host", "Host is none of the server's names; add it to server.allowed_hosts if it is one"
    NETWORK = "caller", "the caller is in none of server.allowed_callers"

    def __init__(self, kind: str, reason: str) -> None:
        self.kind = kind
        self.reason = reason


Check = Callable[[web.Request], Refusal | None]


def admitting(checks: Sequence[Check], turned_away: Callable[[str], None]) -> Middleware:
    """Return the middleware that answers 404 to whom one of the checks refuses; `turned_away` is told the kind of each."""

    @web.middleware
    async def check_caller(request: web.Request, handler: Handler) -> web.StreamResponse:
        for check in checks:
            if refusal := check(request):
                turned_away(refusal.kind)
                bind_contextvars(refused=refusal.reason)
                raise not_found()
        return await handler(request)

    return check_caller


def no_web_pages(request: web.Request) -> Refusal | None:
    """Refuse what a browser sends because a page told it to. The address that a person types comes without these headers."""
    headers = request.headers
    if hdrs.ORIGIN in headers:
        return Refusal.ORIGIN
    if SEC_FETCH_SITE in headers and {*headers.getall(SEC_FETCH_SITE)} != {"none"}:
        return Refusal.ORIGIN
    return None


def only_by(hosts: Hosts) -> Check:
    """Return the check that refuses calls to the server by another name."""
    return lambda request: None if hosts.are_met_by(request) else Refusal.HOST


class Callers:
    """Tells who calls, and from where.

    That is who made the connection; or, if he is a proxy in one of the networks that are `trusted`, whom he names in his header.
    An IPv4 caller of a socket that takes both counts as the IPv4 address that it is.
    """

    def __init__(self, allowed: Sequence[str], trusted: Sequence[str]) -> None:
        self._allowed = [ip_network(network) for network in allowed]
        self._trusted = [ip_network(network) for network in trusted]
        self._anybody = {*self._allowed} >= EVERYWHERE

    def check(self, request: web.Request) -> Refusal | None:
        """Refuse callers outside of the allowed networks. A caller whom a trusted proxy does not name is refused, too."""
        return None if self._anybody or is_in(self._caller(request), self._allowed) else Refusal.NETWORK

    def are_beyond(self, request: web.Request) -> bool:
        """Tell whether a request comes from beyond this machine, by itself or through a proxy on it.

        An application may be served elsewhere than its configuration says.
        """
        peer = _address(request.remote)
        if request.remote and not (peer and peer.is_loopback):  # a Unix socket has no address
            return True
        if not is_forwarded(request):
            return False
        chain = chain_of(request, self._trusted) if is_in(peer, self._trusted) else None
        return chain is None or not all(address.is_loopback for address in chain)

    def _caller(self, request: web.Request) -> Address | None:
        peer = _address(request.remote)
        if not is_in(peer, self._trusted) or not is_forwarded(request):
            return peer
        chain = chain_of(request, self._trusted)
        return chain[-1] if chain else None


@lru_cache(maxsize=1024)  # the same few call again and again
def _address(remote: str | None) -> Address | None:
    try:
        return unmapped(ip_address((remote or "").partition("%")[0]))
    except ValueError:
        return None
