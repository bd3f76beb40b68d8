"""The caches of one process."""

import random
import time
from collections.abc import Callable

from connector.cache.cache import Cache
from connector.cache.entries import Entries
from connector.cache.loads import Loads
from connector.storage import Storage
from drivers import Scope


class Caches:
    """Makes the caches of a request. `clock` is in seconds since the epoch; `luck`, from 0 to 1, shortens each life."""

    def __init__(
        self, storage: Storage, *, clock: Callable[[], float] = time.time, luck: Callable[[], float] = random.random
    ) -> None:
        self._entries = Entries(storage, clock)
        self._loads = Loads()
        self._clock = clock
        self._luck = luck

    async def of(self, scope: Scope) -> Cache:
        """Return the scope's cache as of this moment, at the cost of asking the authority for one stamp.

        To be awaited at the beginning of a request, before anything is read from the end system. A moment that is found out
        later, or in the background, could lie after a cleanup although what the request has read lies before it.
        """
        return Cache(scope, await self._entries.stamp(scope), self._entries, self._loads, clock=self._clock, luck=self._luck)
