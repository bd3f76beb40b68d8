"""A driver in full use while its server is killed and started again, watched by somebody who knows what may still be seen."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from drivers.contract import Driver, SessionScope, SystemScope
from drivers.driver_errors import DriverUnavailable
from drivers.testing.subject import current, entry, keep
from tests.servers import RealServer

SESSION, SYSTEM = SessionScope("s1", "A"), SystemScope("A")
USERS = 8
OUTAGES = 3
WITHIN = 30.0


async def on_its_way() -> None:
    """Let the event loop turn so often that whatever has been asked has gone out to the server."""
    for _ in range(50):
        await asyncio.sleep(0)


async def assert_outages_show_nothing_stale(driver: Driver, server: RealServer) -> None:
    """Stale is what was loaded before an eviction that had ended when the read began."""
    watched = _Watched(driver)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(USERS):
            tasks.create_task(watched.again(watched.load_and_read))
        tasks.create_task(watched.again(watched.clean_up))
        for _ in range(OUTAGES):
            await watched.until_more(served=20, cleaned=5)
            await asyncio.to_thread(server.kill)
            await watched.until_more(failed=USERS)
            await asyncio.to_thread(server.start)
        await watched.until_more(served=20, cleaned=5)
        watched.done.set()


@dataclass
class _Watched:
    driver: Driver
    done: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0
    """Evictions begun; a value tells how many had been when it was loaded."""
    ended: int = 0
    """The last eviction that has succeeded."""
    counts: Counter[str] = field(default_factory=Counter)
    counted: asyncio.Event = field(default_factory=asyncio.Event)

    async def load_and_read(self) -> None:
        stamp = await self.driver.stamp(SESSION)
        await self.driver.put_if_current(SESSION, "key", entry(str(self.begun).encode(), stamp))
        oldest = self.ended
        stamp = await self.driver.stamp(SESSION)
        held = await self.driver.get(SESSION, "key")
        if held and held.stamp == stamp:
            assert int(held.value) >= oldest
            self._count("served")

    async def clean_up(self) -> None:
        self.begun += 1
        begun = self.begun
        await self.driver.evict(SYSTEM if begun % 2 else SESSION)
        self.ended = begun
        self._count("cleaned")

    async def again(self, part: Callable[[], Awaitable[None]]) -> None:
        while not self.done.is_set():
            try:
                await part()
            except DriverUnavailable:
                self._count("failed")
            await asyncio.sleep(0.001)

    async def until_more(self, **expected: int) -> None:
        """Wait until these counts have risen by so much."""
        goals = self.counts + Counter(expected)
        async with asyncio.timeout(WITHIN):
            while any(self.counts[what] < goals[what] for what in expected):
                self.counted.clear()
                await self.counted.wait()

    def _count(self, what: str) -> None:
        self.counts[what] += 1
        self.counted.set()


async def assert_giving_up_harms_nobody(driver: Driver) -> None:
    """Calls that are cancelled at any moment never make another one return a wrong value, or wait for ever."""
    dice = random.Random(1)
    keys = [str(number) for number in range(20)]

    async def read(key: str) -> None:
        assert await current(driver, SESSION, key) == key.encode()

    async def read_and_give_up(key: str) -> None:
        asking = asyncio.create_task(read(key))
        for _ in range(dice.randrange(30)):
            await asyncio.sleep(0)
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking

    for key in keys:
        await keep(driver, SESSION, key, key.encode())
    for _ in range(20):
        async with asyncio.TaskGroup() as tasks:
            for key in keys:
                tasks.create_task(read_and_give_up(key))
                tasks.create_task(read(key))
