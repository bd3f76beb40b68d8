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
    """The names of one listener: those that were configured, and those that this machine has for itself.

    To the latter belongs the address at which the connection came in: a health check or Prometheus calls a server by that. A page
    whose name is an address was loaded from there, so none of them is the name of another's page.

    `host` is where the configuration says that the server listens. If that is beyond loopback, and no names are configured,
    every name is right. An application that is mounted into another is served elsewhere: the connection tells where.
    """

    def __init__(self, names: Collection[str], host: str) -> None:
        self._names = frozenset(map(canonical_host, names))
        self._any = not names and not is_loopback(host)

    def are_met_by(self, request: web.Request) -> bool:
        """Tell whether a request calls the server by one of its names, and by no other.

        Only HTTP/1.0, which no browser speaks, may leave the name out.
        """
        if self._any:
            return True
        local = _address_of(request)
        if not self._names and local is not None and not is_loopback(local):
            return True
        named = request.headers.get(hdrs.HOST)  # there is one at most: aiohttp rejects more
        is_right = request.version < HttpVersion11 if named is None else self._know(named, local)
        # A target may be a whole URL: then the host in it is the one that counts (RFC 9112, 3.2.2).
        return is_right and (request.raw_path.startswith("/") or self._know(request.host or "", local))

    def _know(self, host: str, local: str | None) -> bool:
        if len(host) > LONGEST:
            return False
        name = _canonical(host)
        return name in self._names or is_loopback(name) or (name != "" and name == local)


_canonical = lru_cache(maxsize=256)(canonical_host)


def _address_of(request: web.Request) -> str | None:
    """Return the address where a connection came in, empty of a Unix socket; None if it has broken, which counts as loopback."""
    local = request.get_extra_info("sockname")
    if local is None:
        return None
    return _canonical(local[0]) if isinstance(local, tuple) else ""
