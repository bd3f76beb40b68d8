"""What stands between a process and a real driver: it lets calls through, or fails, or hangs, as a test says."""

import asyncio

from drivers import Driver, DriverUnavailable, Entry, Scope, Stamp, Statistics


class Gate(Driver):
    """Counts the reads of a driver. While `failing` every call but closing is an error; while `hanging` none returns."""

    def __init__(self, behind: Driver) -> None:
        super().__init__(behind.name, behind.settings)
        self.behind = behind
        self.failing = False
        self.hanging = False
        self.reads = 0

    async def open(self) -> None:
        await self.behind.open()

    async def aclose(self) -> None:
        await self.behind.aclose()

    async def ping(self) -> None:
        await self._pass()
        await self.behind.ping()

    async def stamp(self, scope: Scope) -> Stamp:
        await self._pass()
        return await self.behind.stamp(scope)

    async def get(self, scope: Scope, key: str) -> Entry | None:
        self.reads += 1
        await self._pass()
        return await self.behind.get(scope, key)

    async def put(self, scope: Scope, key: str, entry: Entry) -> None:
        await self._pass()
        await self.behind.put(scope, key, entry)

    async def put_if_current(self, scope: Scope, key: str, entry: Entry) -> bool:
        await self._pass()
        return await self.behind.put_if_current(scope, key, entry)

    async def delete(self, scope: Scope, key: str) -> None:
        await self._pass()
        await self.behind.delete(scope, key)

    async def evict(self, *scopes: Scope) -> None:
        await self._pass()
        await self.behind.evict(*scopes)

    async def purge(self, limit: int) -> bool:
        await self._pass()
        return await self.behind.purge(limit)

    async def statistics(self) -> Statistics:
        await self._pass()
        return await self.behind.statistics()

    async def _pass(self) -> None:
        if self.failing:
            raise DriverUnavailable(f"{self.name}: is failing")
        if self.hanging:
            await asyncio.Event().wait()
