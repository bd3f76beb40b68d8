"""The caches of one process."""

import asyncio

from connector.cache.cache import Cache
from connector.cache.entries import Entries
from connector.cache.loads import Loads
from drivers import Scope, SessionScope, SystemScope


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

    async def forget(self, scope: Scope) -> None:
        """Have all processes find another stamp from now on. If the authority cannot, they find none, or this fails unseen."""
        await self._entries.forget(scope)

    async def of_both(self, scope: SessionScope, *, login_id: str) -> tuple[Cache, Cache]:
        """Return the caches of a session and of its system; see `of`. Without a system, its cache is the session's own.

        An authority beyond this machine is asked for both at once: to wait for two answers, one after the other, is slow.
        """
        if scope.system_id is None:
            cache = await self.of(scope, login_id=login_id)
            return cache, cache
        system = SystemScope(scope.system_id)
        if not self._entries.asks_far:
            return await self.of(scope, login_id=login_id), await self.of(system)
        async with asyncio.TaskGroup() as asking:
            of_system = asking.create_task(self.of(system))
            of_session = await self.of(scope, login_id=login_id)
        return of_session, of_system.result()
