"""Several drivers on one store, in full use, watched by somebody who knows what may still be seen."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle

from drivers.contract import Driver, SessionScope
from drivers.driver_errors import DriverError
from drivers.testing.subject import entry

SESSIONS = [SessionScope(f"s{number}", "A") for number in range(8)]
READERS = 12
WITHIN = 60.0


@dataclass
class Fleet:
    """Reads on every driver, and evicts on every driver in turn.

    Stale is what was loaded before an eviction that had ended when the read began, whichever drivers did that.
    """

    drivers: Sequence[Driver]
    begun: Counter[SessionScope] = field(default_factory=Counter)
    """Evictions begun; a value tells how many had been when it was loaded."""
    ended: Counter[SessionScope] = field(default_factory=Counter)
    """The last eviction that has succeeded."""
    counts: Counter[str] = field(default_factory=Counter)
    stale_at: list[float] = field(default_factory=list)
    """When the stale reads began, by the monotonic clock."""

    async def read(self, driver: Driver, session: SessionScope) -> None:
        began, oldest = time.monotonic(), self.ended[session]
        stamp = await driver.stamp(session)
        held = await driver.get(session, "key")
        if held is not None and held.stamp == stamp:
            self.counts["served"] += 1
            if int(held.value) < oldest:
                self.stale_at.append(began)
            return
        value = str(self.begun[session]).encode()
        await driver.put_if_current(session, "key", entry(value, stamp))
        self.counts["loaded"] += 1

    async def evict(self, driver: Driver, session: SessionScope) -> None:
        self.begun[session] += 1
        begun = self.begun[session]
        await driver.evict(session)
        self.ended[session] = max(begun, self.ended[session])
        self.counts["evicted"] += 1

    async def until_more(self, **expected: int) -> None:
        """Wait until these counts have risen by so much."""
        goals = self.counts + Counter(expected)
        async with asyncio.timeout(WITHIN):
            while any(self.counts[what] < goals[what] for what in expected):  # noqa: ASYNC110 - whoever counts tells nobody
                await asyncio.sleep(0.01)


@asynccontextmanager
async def fleet_at_work(*drivers: Driver) -> AsyncIterator[Fleet]:
    """Open the drivers, and use them for as long as the context."""
    fleet, done = Fleet(drivers), asyncio.Event()

    async def again(part: Callable[[Driver, SessionScope], Awaitable[None]], offset: int, rest: float) -> None:
        turns = zip(cycle([*drivers[offset:], *drivers[:offset]]), cycle(SESSIONS))
        for driver, session in turns:
            if done.is_set():
                return
            try:
                await part(driver, session)
            except DriverError:
                fleet.counts["failed"] += 1
            await asyncio.sleep(rest)

    for driver in drivers:
        await driver.open()
    try:
        async with asyncio.TaskGroup() as tasks:
            for number in range(READERS):
                tasks.create_task(again(fleet.read, number % len(drivers), 0.001))
            for number in range(len(drivers)):
                tasks.create_task(again(fleet.evict, number, 0.01))
            yield fleet
            done.set()
    finally:
        for driver in drivers:
            await driver.aclose()
