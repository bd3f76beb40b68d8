"""A real memory driver that fails or hangs for as long as a test says."""

import asyncio
from typing import Any

from drivers import DriverUnavailable, Entry, Scope, Stamp
from drivers.memory import MemoryDriver


class TroubledDriver(MemoryDriver):
    """Counts its reads. While `failing` every call but closing is an error; while `hanging` none returns."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.failing = False
        self.hanging = False
        self.reads = 0

    async def stamp(self, scope: Scope) -> Stamp:
        await self._suffer()
        return await super().stamp(scope)

    async def get(self, scope: Scope, key: str) -> Entry | None:
        self.reads += 1
        await self._suffer()
        return await super().get(scope, key)

    async def put(self, scope: Scope, key: str, entry: Entry) -> None:
        await self._suffer()
        await super().put(scope, key, entry)

    async def put_if_current(self, scope: Scope, key: str, entry: Entry) -> bool:
        await self._suffer()
        return await super().put_if_current(scope, key, entry)

    async def delete(self, scope: Scope, key: str) -> None:
        await self._suffer()
        await super().delete(scope, key)

    async def evict(self, *scopes: Scope) -> None:
        await self._suffer()
        await super().evict(*scopes)

    async def _suffer(self) -> None:
        if self.failing:
            raise DriverUnavailable(f"{self.name}: is failing")
        if self.hanging:
            await asyncio.Event().wait()
