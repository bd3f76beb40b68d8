"""The worker that repeats the evictions that a driver could not do."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence

import structlog

from connector.cache.storage import Storage
from connector.ledger.bookkeeping import Bookkeeping
from connector.ledger.port import OwedEvictionRecords
from connector.model.debts import Debt
from connector.model.errors import LedgerUnavailable
from connector.sessions.unrecorded import Unrecorded
from drivers import EVERYTHING, Driver, DriverError, Scope

log = structlog.get_logger(__name__)

OTHERS_EVERY = 15.0
"""Seconds between two looks at what other processes of a fleet owe."""
PAUSE = 1.0
"""Seconds between two tries for a driver that cannot evict."""
SLICE = 200
"""Debts that are taken from the ledger at a time."""


class OwedEvictions:
    """Evicts from each driver what is owed to it as soon as it can: at start-up, and after an eviction that failed."""

    def __init__(
        self,
        ledger: OwedEvictionRecords,
        storage: Storage,
        books: Bookkeeping,
        unrecorded: Unrecorded,
        count: Callable[[str, int], None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make it.

        Args:
            ledger: knows what is owed.
            storage: the drivers.
            books: record what was made good.
            unrecorded: what the ledger could not take, which may owe evictions as well.
            count: is told how many evictions of which driver were made good.
            clock: tells what is overdue.
        """
        self._clock = clock
        self._ledger = ledger
        self._storage = storage
        self._books = books
        self._unrecorded = unrecorded
        self._count = count
        self._invalidated: dict[str, frozenset[str]] = {}
        """The name of each driver that was invalidated -> the losses after which it was."""

    async def watch(self) -> None:
        """Look for ever for evictions that the ledger does not know.

        If owed evictions may be unknown, everything is owed to every driver. What was done and could not be recorded is done
        again, and recorded.
        """
        while True:
            for driver in self._storage.drivers:
                if self._ledger.lost_track:
                    self._storage.owe(driver)
                if driver.name in self._books.unsettled:
                    await self._owe_again(driver)
            await asyncio.sleep(PAUSE)

    async def _owe_again(self, driver: Driver) -> None:
        self._books.unsettled.discard(driver.name)
        try:
            if await self._ledger.owed_evictions(driver.name, limit=1):
                self._storage.owe(driver)
        except LedgerUnavailable:
            self._books.unsettled.add(driver.name)

    async def stand_in(self) -> None:
        """Do for ever what other processes owe to the drivers that all share, and have not done in time: they may be gone."""
        while True:
            await asyncio.sleep(OTHERS_EVERY)
            for driver in self._storage.drivers:
                if driver.name in self._storage.owing:
                    await self.do_overdue(driver)

    async def do_overdue(self, driver: Driver) -> None:
        """Evict once what is overdue from a driver. Whoever owes it may be doing so as well."""
        try:
            owed = await self._ledger.owed_evictions(driver.name, limit=SLICE)
            if overdue := [debt for debt in owed if debt.due_at <= self._clock()]:
                await self._evict(driver, overdue)
        except (TimeoutError, DriverError, LedgerUnavailable) as problem:
            log.debug("evictions that others owe are put off", driver=driver.name, reason=str(problem) or "late")

    async def run(self, driver: Driver) -> None:
        """Work for ever for one driver. After a defect of the driver, what it owed is still owed."""
        while True:
            await self._storage.next_debt(driver)
            done = False
            try:
                done = await self._made_good(driver)
            finally:
                (self._storage.absolve if done else self._storage.owe)(driver)
            if not done:
                await asyncio.sleep(PAUSE)

    async def _made_good(self, driver: Driver) -> bool:
        try:
            await self._make_good(driver)
        except (TimeoutError, DriverError, LedgerUnavailable) as problem:
            log.debug("owed evictions are put off", driver=driver.name, reason=str(problem) or "late")
            return False
        return not self._ledger.lost_track or not self._storage.is_parted

    async def _make_good(self, driver: Driver) -> None:
        """Evict what is owed now. What comes during the last slice is of a running cleanup, which owes it anew if it fails.

        While replicas use several stores, each of them goes on to miss evictions: everything is invalidated after that.
        """
        await self._invalidate_if_due(driver)
        if scopes := self._unrecorded.evictions(driver.name):
            await self._evict_within(driver, scopes)
        async for debts in owed_slices(self._ledger, driver.name):
            await self._evict(driver, debts)
        # A row that was read only now may have turned out not to be believed.
        await self._invalidate_if_due(driver)

    async def _evict(self, driver: Driver, debts: Sequence[Debt]) -> None:
        scopes = {scope for debt in debts for scope in debt.evictions[driver.name]}
        await self._evict_within(driver, [*scopes])
        self._count(driver.name, len(debts))
        async with asyncio.TaskGroup() as settling:
            for debt in debts:
                settling.create_task(self._books.settle(debt, outcome=None, evicted=[driver.name]))
        log.info("owed evictions made good", driver=driver.name, debts=len(debts))

    async def _evict_within(self, driver: Driver, scopes: Sequence[Scope]) -> None:
        async with asyncio.timeout(self._storage.deadlines.evict):
            await self._storage.evict(driver, scopes)

    async def _invalidate_if_due(self, driver: Driver) -> None:
        if self._ledger.lost_track and not self._storage.is_parted:
            await self._invalidate(driver)

    async def _invalidate(self, driver: Driver) -> None:
        """Evict everything, once for all that was lost by now; the last driver to do it ends the ledger's doubt.

        A driver may be down for long. What is lost meanwhile has the others invalidated once more.
        """
        losses, known = frozenset(await self._ledger.losses()), self._invalidated.get(driver.name)
        if known is None or not losses <= known:
            await self._evict_within(driver, [EVERYTHING])
            self._invalidated[driver.name] = losses
            log.warning(
                "everything cached was invalidated: it may have missed evictions",
                driver=driver.name,
                reason="; ".join(sorted(losses)) or "another server that shares the ledger has told why",
            )
        if self._invalidated.keys() == {each.name for each in self._storage.drivers}:
            await self._ledger.track_regained(frozenset.intersection(*self._invalidated.values()))
            self._invalidated.clear()


async def owed_slices(ledger: OwedEvictionRecords, driver: str | None) -> AsyncIterator[Sequence[Debt]]:
    """Yield the debts that owe an eviction from a driver, or None: from any, a slice at a time."""
    last, more = 0, True
    while more:
        debts = await ledger.owed_evictions(driver, after=last, limit=SLICE)
        more = len(debts) == SLICE
        if debts:
            last = debts[-1].id
            yield debts
