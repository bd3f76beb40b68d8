"""The worker that tries owed logouts again when they are due, gently enough for a system that has just come back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from connector.ledger.port import DueDebts
from connector.model.debts import Debt
from connector.model.errors import LedgerUnavailable
from connector.runtime.outages import Outage
from connector.runtime.steps import step
from connector.runtime.supervision import OwnedTasks

SLICE = 100
"""Debts that are taken from the ledger at a time."""
LOOK_EVERY = 1.0
"""Seconds after which the ledger is looked at again at the latest: it costs two look-ups in an index, and a clock may jump."""
LONGEST_TRY = 172_800.0
"""Seconds for one retry; its parts have shorter deadlines of their own."""
LEDGER_PAUSE = 5.0
"""Seconds until a ledger that cannot be read is tried again."""


class Retries:
    """Claims debts that are due and tries them, at most so many at a time for each origin."""

    def __init__(
        self,
        ledger: DueDebts,
        retry: Callable[[Debt], Awaitable[bool]],
        tasks: OwnedTasks,
        *,
        per_origin: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._retry = retry
        self._tasks = tasks
        self._clock = clock
        self._per_origin = per_origin
        self._changed = asyncio.Event()
        self._stopped = asyncio.Event()
        self._is_paused = False
        self._outage = Outage(
            "the ledger does not work: owed logouts are put off, and tried again until it does",
            "the ledger works again: owed logouts are tried",
        )

    def nudge(self) -> None:
        """Look at the ledger again at once, because something is due now or the clock was set."""
        self._changed.set()

    def stop(self) -> None:
        """Begin nothing any more; what has begun goes on."""
        self._stopped.set()

    def pause(self) -> None:
        """Begin nothing until told to go on; what has begun goes on."""
        self._is_paused = True

    def go_on(self) -> None:
        """Begin again what is due. Without a pause, this changes nothing."""
        self._is_paused = False
        self.nudge()

    async def run(self) -> None:
        """Work until told to stop."""
        while not self._stopped.is_set():
            self._changed.clear()
            try:
                pause = LOOK_EVERY if self._is_paused else await self._take_due()
                self._outage.note(None)
            except LedgerUnavailable as problem:
                self._outage.note(str(problem))
                pause = LEDGER_PAUSE
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._changed.wait()

    async def _take_due(self) -> float:
        """Try what is due, and return the seconds until something else may be."""
        for debt in await self._ledger.claim_due(self._clock(), per_origin=self._per_origin, limit=SLICE):
            self._tasks.start(self._try(debt))
        return await self._until_next()

    async def _try(self, debt: Debt) -> None:
        try:
            tried = await step("retry", lambda: self._retry(debt), deadline=LONGEST_TRY, late=False, failed=False)
            if not tried.outcome:
                await self._put_off()
        finally:
            with suppress(LedgerUnavailable):  # the claim ends by itself
                await self._ledger.release(debt)
            self.nudge()

    async def _put_off(self) -> None:
        """Keep the claim for a while, because a debt without a recorded outcome is still due: no end system is stormed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LEDGER_PAUSE):
                await self._stopped.wait()

    async def _until_next(self) -> float:
        soonest = await self._ledger.next_due(self._clock(), per_origin=self._per_origin)
        return LOOK_EVERY if soonest is None else min(max(soonest - self._clock(), 0.0), LOOK_EVERY)
