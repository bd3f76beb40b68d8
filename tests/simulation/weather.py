"""A store behind a network, both of which have their bad days."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any, TypeVar

from connector.runtime.supervision import OwnedTasks
from drivers import Driver, DriverSettings, DriverUnavailable, Entry, Scope, Stamp, Statistics
from drivers.memory import MemoryDriver

T = TypeVar("T")

WITHOUT_A_JOURNEY = 0.5
"""The share of stamps that are told at once, where that is asked for."""


class Store:
    """A server that keeps all it holds in memory, and loses it with a restart. While it is `away`, nobody reaches it."""

    def __init__(self, make: Callable[[], MemoryDriver]) -> None:
        self._make = make
        self.memory = make()
        self.away = False

    def restart(self) -> None:
        self.memory = self._make()


class RemoteDriver(Driver):
    """A client of a `Store`. Requests and answers take their time, and are lost at times.

    A request that its sender has given up still arrives: neither a deadline nor a cancellation calls it back. Stamps are at times
    told without a journey, as by a store on the same machine.
    """

    def __init__(self, name: str, store: Store, dice: Random, *, travel: Sequence[float], bad_days: float) -> None:
        super().__init__(name, DriverSettings())
        self.store = store
        """The server that its network leads to."""
        self.is_cut = False
        """Whether it leads nowhere."""
        self._dice = dice
        self._travel_times = travel
        self._bad_days = bad_days
        self._under_way = OwnedTasks()

    def calm(self) -> None:
        """Lose no message any more."""
        self._bad_days = 0.0

    async def aclose(self) -> None:
        await self._under_way.drain(3600)

    async def ping(self) -> None:
        await self._ask(lambda memory: memory.ping())

    async def stamp(self, scope: Scope) -> Stamp:
        return await self._ask(lambda memory: memory.stamp(scope))

    def stamp_at_once(self, scope: Scope) -> Stamp | None:
        if self.store.away or self.is_cut:
            raise DriverUnavailable(f"{self.name}: away")
        return self.store.memory.stamp_at_once(scope) if self._dice.random() < WITHOUT_A_JOURNEY else None

    async def get(self, scope: Scope, key: str) -> Entry | None:
        return await self._ask(lambda memory: memory.get(scope, key))

    async def put(self, scope: Scope, key: str, entry: Entry) -> None:
        await self._ask(lambda memory: memory.put(scope, key, entry))

    async def put_if_current(self, scope: Scope, key: str, entry: Entry) -> bool:
        return await self._ask(lambda memory: memory.put_if_current(scope, key, entry))

    async def delete(self, scope: Scope, key: str) -> None:
        await self._ask(lambda memory: memory.delete(scope, key))

    async def evict(self, *scopes: Scope) -> None:
        await self._ask(lambda memory: memory.evict(*scopes))

    async def purge(self, limit: int) -> bool:
        return await self.store.memory.purge(limit)

    async def statistics(self) -> Statistics:
        return await self.store.memory.statistics()

    async def _ask(self, request: Callable[[MemoryDriver], Coroutine[Any, Any, T]]) -> T:
        task = self._under_way.start(self._carry(request))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # its sender may have gone
        return await asyncio.shield(task)

    async def _carry(self, request: Callable[[MemoryDriver], Coroutine[Any, Any, T]]) -> T:
        await self._travel()
        if self.store.away or self.is_cut or self._dice.random() < self._bad_days / 2:
            raise DriverUnavailable(f"{self.name}: the request was lost")
        answer = await request(self.store.memory)
        await self._travel()
        if self._dice.random() < self._bad_days / 2:
            raise DriverUnavailable(f"{self.name}: the answer was lost")
        return answer

    async def _travel(self) -> None:
        late = self._dice.random() < self._bad_days
        await asyncio.sleep(self._dice.choice((0.3, 1, 7) if late else self._travel_times))
