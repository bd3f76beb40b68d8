"""Which stores serve, and how much they hold. They are asked in the background, so that a scrape need not wait.

A store that goes down or comes back is one line in the log, however many calls have met it.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress

import structlog

from connector.runtime.deadline import within
from connector.runtime.steps import step
from drivers import Driver, DriverError, Statistics

log = structlog.get_logger(__name__)

LOOK_EVERY = 15.0
"""Seconds between two pings of a store that serves. A call that fails brings the next one forward."""
LOOK_AGAIN_EVERY = 2.0
"""Seconds between two pings of a store that is down."""
SOON = 0.3
"""Seconds that a question whether all serve waits for a store: a load balancer may wait for one second in all."""
REST = 0.5
"""Seconds between two pings at least, so that failing calls do not make a storm of them."""


class Watch:
    """Pings the stores of these drivers; the last one is the authority."""

    def __init__(self, drivers: Sequence[Driver], deadline: float) -> None:
        """`deadline` is for one ping, in seconds."""
        self._drivers = tuple(drivers)
        self._deadline = deadline
        self._down: dict[str, tuple[str, float]] = {}
        """Why a store is down, and since when."""
        self._doubted = {driver.name: asyncio.Event() for driver in drivers}
        self.holdings: dict[str, Statistics | None] = dict.fromkeys(self._doubted)
        """What each driver holds, as it said last; None while it does not say."""

    def is_up(self, name: str) -> bool:
        """Tell whether a driver answered its last ping."""
        return name not in self._down

    def doubt(self, driver: Driver) -> None:
        """Ping a driver soon, because a call to it has failed."""
        self._doubted[driver.name].set()

    def found(self, driver: Driver, reason: str | None) -> None:
        """Note why a driver does not serve; None if it does. A change is logged."""
        down = self._down.get(driver.name)
        if reason is None and down is not None:
            del self._down[driver.name]
            log.info("a store serves again", driver=driver.name, seconds=round(time.monotonic() - down[1], 1))
        elif reason is not None and down is None:
            self._down[driver.name] = reason, time.monotonic()
            log.warning(self._consequence(driver), driver=driver.name, reason=reason)

    async def ping(self) -> dict[str, str | None]:
        """Ask every driver at once whether it serves: its name -> None, or the reason why not.

        One that has not answered soon is as it was found last, and asked again in the background. So nobody waits for a store
        that is silent, and takes all replicas for down because of it.
        """
        reasons = await asyncio.gather(*map(self._soon, self._drivers))
        return {driver.name: reason for driver, reason in zip(self._drivers, reasons, strict=True)}

    async def run(self, driver: Driver) -> None:
        """Ping one driver for ever: seldom, soon after it was doubted, and often while it is down."""
        doubted = self._doubted[driver.name]
        while True:
            # Before the ping: a call that fails during it asks for another one.
            doubted.clear()
            await self.look(driver)
            # However often calls fail, a store that is down is not pinged more often than this.
            await asyncio.sleep(REST)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY if self.is_up(driver.name) else LOOK_AGAIN_EVERY):
                    await doubted.wait()

    async def look(self, driver: Driver) -> None:
        """Find out whether a driver serves, and what it holds."""
        # What a store holds is asked after the ping, because a slow answer to it is no outage.
        serves = await self._ping(driver) is None
        self.holdings[driver.name] = await self._holding(driver) if serves else None

    async def _soon(self, driver: Driver) -> str | None:
        try:
            return await within(SOON, self._ping(driver))
        except TimeoutError:
            self.doubt(driver)
            reason, _ = self._down.get(driver.name, (None, 0.0))
            return reason

    async def _ping(self, driver: Driver) -> str | None:
        late: str | None = f"no answer within {self._deadline:g} s"

        async def answered() -> str | None:
            try:
                await within(self._deadline, driver.ping())
            except (TimeoutError, DriverError) as problem:
                return str(problem) or late
            return None

        failed = "a defect; the log has its traceback"
        done = await step(f"ping of {driver.name}", answered, deadline=2 * self._deadline, late=late, failed=failed)
        self.found(driver, done.outcome)
        return done.outcome

    async def _holding(self, driver: Driver) -> Statistics | None:
        async def told() -> Statistics | None:
            try:
                return await within(self._deadline, driver.statistics())
            except (TimeoutError, DriverError):
                return None

        name = f"statistics of {driver.name}"
        return (await step(name, told, deadline=2 * self._deadline, late=None, failed=None)).outcome

    def _consequence(self, driver: Driver) -> str:
        if driver is self._drivers[-1]:
            return "the authority is down: cleanups are answered 503, and nothing cached is served until it is back"
        return "a store is down: reads skip it, and the ledger keeps the evictions that it owes until it is back"
