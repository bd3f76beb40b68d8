"""The names by which a server may be called.

A web page can have its own name lead to this machine (DNS rebinding). Then its requests are of one origin with the page, and
nothing but that name, in `Host`, gives them away.
"""

from collections.abc import Collection
from functools import lru_cache

from aiohttp import HttpVersion11, hdrs, web

from connector.model.addresses import canonical_host, is_loopback

LONGEST = 262
"""Characters of a name and a port."""


class Hosts:
    """The names of one listener: those that were configured or, on loopback, those that this machine has for itself.

    `host` is where the configuration says that the server listens. If that is beyond loopback, and no names are configured,
    every name is right. An application that is mounted into another is served elsewhere: the connection tells where.
    """

    def __init__(self, names: Collection[str], host: str) -> None:
        self._names = frozenset(map(canonical_host, names))
        self._any = not names and not is_loopback(host)

    def are_met_by(self, request: web.Request) -> bool:
        """Tell whether a request calls the server by one of its names, and by no other.

        Only HTTP/1.0, which no browser speaks, may leave the name out, and only if none were configured.
        """
        if self._any:
            return True
        named = request.headers.get(hdrs.HOST)  # there is one at most: aiohttp rejects more
        if named is not None and self._know(named) and self._know_target(request):
            return True
        if self._names or _came_over_loopback(request):
            return named is None and not self._names and request.version < HttpVersion11 and self._know_target(request)
        return True

    def _know(self, host: str) -> bool:
        if len(host) > LONGEST:
            return False
        return _canonical(host) in self._names if self._names else _is_own(host)

    def _know_target(self, request: web.Request) -> bool:
        """A target may be a whole URL: then the host in it is the one that counts (RFC 9112, 3.2.2)."""
        return request.raw_path.startswith("/") or self._know(request.host or "")


_canonical = lru_cache(maxsize=256)(canonical_host)


@lru_cache(maxsize=256)
def _is_own(host: str) -> bool:
    return is_loopback(canonical_host(host))


def _came_over_loopback(request: web.Request) -> bool:
    """Tell whether the connection arrived at an address of this machine alone; one that has broken counts as if it did."""
    local = request.get_extra_info("sockname")
    return local is None or (isinstance(local, tuple) and is_loopback(local[0]))
