"""What the ledger is told about a cleanup: what is owed before anything is tried, and what became of it."""

import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import structlog

from connector.ledger.backoff import Backoff
from connector.ledger.port import CleanupRecords
from connector.model.cleanup import CleanupRequest
from connector.model.debts import Debt, LogoutState
from connector.model.errors import LedgerUnavailable
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.model.seat_pools import Seat
from connector.runtime.deadline import within
from connector.runtime.steps import step
from connector.telemetry.logs import session_digest

T = TypeVar("T")
log = structlog.get_logger(__name__)

DEADLINE = 10.0
"""Seconds that the ledger may take for one record; a disk that hangs must not hang the cleanup."""


async def in_time(question: Coroutine[Any, Any, T]) -> T:
    """Return the ledger's answer. Raises `LedgerUnavailable`, also if it takes longer than `DEADLINE`."""
    try:
        return await within(DEADLINE, question)
    except TimeoutError:
        raise LedgerUnavailable(f"not within {DEADLINE:g} s") from None


class Bookkeeping:
    """Records on behalf of cleanups and retries. A ledger that fails stops neither."""

    def __init__(
        self,
        ledger: CleanupRecords,
        backoff: Backoff,
        clock: Callable[[], float] = time.time,
        *,
        given_back: Callable[[Seat | None], None] = lambda _: None,
    ) -> None:
        """`given_back` is told the seat of each login that is over."""
        self._given_back = given_back
        self._ledger = ledger
        self._backoff = backoff
        self._clock = clock
        self.unsettled: set[str] = set()
        """Names of drivers that have evicted what they owe by the ledger, because it could not be told."""

    async def record(
        self, request: CleanupRequest, *, origin: str, drivers: Sequence[str], logins: Collection[str] | None
    ) -> Debt | None:
        """Make durable what the cleanup owes, and that it closes these `logins`, or all if that is None.

        Returns None if that is not done, in time or at all.
        """

        async def recorded() -> Debt | None:
            try:
                return await self._ledger.record(request, origin=origin, drivers=drivers, logins=logins)
            except LedgerUnavailable as problem:
                log.warning(
                    "a cleanup could not be recorded; what was asked for is recorded when the ledger works again",
                    reason=str(problem),
                )
                return None

        return (await step("recording what is owed", recorded, deadline=DEADLINE, late=None, failed=None)).outcome

    async def claim(self, debt: Debt) -> bool:
        """Claim a debt that was only read, and tell whether it may be tried. While nobody knows, it may not."""
        with suppress(LedgerUnavailable):
            return await in_time(self._ledger.claim(debt))
        return False

    async def may_send(self, debt: Debt, *, retried: bool = False) -> bool:
        """Tell whether a logout may be sent now, as the ledger does. While nobody knows, it may not: it stays owed."""
        try:
            return await in_time(self._ledger.may_send(debt, retried=retried))
        except LedgerUnavailable as problem:
            log.warning(
                "a logout is put off, because the ledger cannot say whether it is still owed; it is tried again",
                reason=str(problem),
            )
            return False

    async def release(self, debt: Debt) -> None:
        """End the claim of a try that ended in whatever way, unless a settlement has ended it."""
        with suppress(LedgerUnavailable):  # the claim ends by itself
            await in_time(self._ledger.release(debt))

    async def settle(
        self,
        debt: Debt,
        *,
        outcome: LogoutOutcome | None,
        evicted: Collection[str],
        retried: bool = False,
        release: bool = False,
    ) -> bool:
        """Record what became of a debt, and say whether that could be done; without an `outcome` the logout stays as it is.

        What cannot be recorded stays owed, and is tried again: to log out twice is safe, to forget is not. The end of what was
        `retried` is told in the log: no request's line tells of it. `release` is that of the ledger's `settle`.
        """
        judged = self._backoff.judge(debt, outcome) if outcome else None

        async def settled() -> bool:
            try:
                await self._ledger.settle(
                    debt,
                    state=judged.state if judged else None,
                    outcome=outcome,
                    due_at=self._clock() + judged.wait if judged else None,
                    waited=debt.waited + judged.wait if judged else None,
                    evicted=evicted,
                    release=release,
                )
            except LedgerUnavailable as problem:
                log.warning("an outcome could not be recorded; what it closed is tried again", reason=str(problem))
                return False
            self._given_back(debt.seat)
            if retried and outcome and judged:
                _tell(debt, outcome, judged.state)
            return True

        done = await step("recording what became of it", settled, deadline=DEADLINE, late=False, failed=False)
        if not done.outcome:
            self.unsettled.update(evicted)
        return done.outcome


def _tell(debt: Debt, outcome: LogoutOutcome, state: LogoutState) -> None:
    """Log that the retries of a logout have ended, if they have. A logout that is held back has been logged."""
    about = {"debt": debt.id, "session": session_digest(debt.session_id), "tries": debt.attempts + 1}
    if state is LogoutState.CLOSED:
        log.info("an owed logout is done", outcome=outcome.result.value, **about)
    elif state is LogoutState.WAITING and outcome.result is not LogoutResult.HELD:
        message = "an owed logout is not done and needs attention: see `connector owed show`, then retry or dismiss it"
        log.warning(message, outcome=outcome.result.value, code=outcome.code, **about)
