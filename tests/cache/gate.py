"""What stands between a process and a real driver: it lets calls through, or fails, or hangs, as a test says."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from drivers import Driver, DriverUnavailable, Entry, Scope, Stamp, Statistics

T = TypeVar("T")


class Gate(Driver):
    """Counts reads, and calls under way. While `failing` every call but closing is an error; while `hanging` none returns."""

    def __init__(self, behind: Driver) -> None:
        super().__init__(behind.name, behind.settings)
        self.behind = behind
        self.failing = False
        self.hanging = False
        self.reads = 0
        self.under_way = 0

    async def open(self) -> None:
        await self.behind.open()

    async def aclose(self) -> None:
        await self.behind.aclose()

    async def ping(self) -> None:
        await self._through(self.behind.ping())

    async def stamp(self, scope: Scope) -> Stamp:
        return await self._through(self.behind.stamp(scope))

    async def get(self, scope: Scope, key: str) -> Entry | None:
        self.reads += 1
        return await self._through(self.behind.get(scope, key))

    async def put(self, scope: Scope, key: str, entry: Entry) -> None:
        await self._through(self.behind.put(scope, key, entry))

    async def put_if_current(self, scope: Scope, key: str, entry: Entry) -> bool:
        return await self._through(self.behind.put_if_current(scope, key, entry))

    async def delete(self, scope: Scope, key: str) -> None:
        await self._through(self.behind.delete(scope, key))

    async def evict(self, *scopes: Scope) -> None:
        await self._through(self.behind.evict(*scopes))

    async def purge(self, limit: int) -> bool:
        return await self._through(self.behind.purge(limit))

    async def statistics(self) -> Statistics:
        return await self._through(self.behind.statistics())

    async def _through(self, call: Coroutine[Any, Any, T]) -> T:
        self.under_way += 1
        try:
            if self.failing:
                raise DriverUnavailable(f"{self.name}: is failing")
            if self.hanging:
                await asyncio.Event().wait()
            return await call
        finally:
            self.under_way -= 1
            call.close()
