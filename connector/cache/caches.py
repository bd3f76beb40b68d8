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

    async def of(self, scope: Scope) -> Cache:
        """Return the scope's cache as of this moment, at the cost of asking the authority for one stamp.

        To be awaited at the beginning of a request, before anything is read from the end system. A moment that is found out
        later, or in the background, could lie after a cleanup although what the request has read lies before it.
        """
        return Cache(scope, await self._entries.stamp(scope), self._entries, self._loads)
