"""The caches of one process."""

from connector.cache.cache import Cache
from connector.cache.entries import Entries
from connector.cache.loads import Loads
from drivers import Scope


class Caches:
    """Makes the caches of a request."""

    def __init__(self, entries: Entries, loads: Loads) -> None:
        self._entries = entries
        self._loads = loads

    async def of(self, scope: Scope, *, login_id: str = "") -> Cache:
        """Return the scope's cache, with its read version: one question to the authority.

        What it stores is found by the same `login_id` only.

        Await it at the beginning of a request, before anything is read from the end system. A later read version could be from
        after a cleanup, although the request has read from before it.
        """
        return Cache(scope, await self._entries.stamp(scope), self._entries, self._loads, login_id=login_id)
