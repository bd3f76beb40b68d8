"""Logins that are under way. Each is known to the ledger before it is sent, and goes on whatever becomes of its caller."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import structlog

from connector.endsystems.end_system import LONGEST_LOGIN, EndSystem, LoginOutcome
from connector.endsystems.escaped import logged_in
from connector.model.begun import Opening
from connector.model.cleanup import Timed
from connector.model.errors import LedgerUnavailable
from connector.model.outcomes import LoginResult, late_answer
from connector.runtime.deadline import Patience
from connector.runtime.steps import step
from connector.runtime.supervision import OwnedTasks
from connector.sessions.after_login import AfterLogin
from connector.sessions.opening_outcomes import Attempt, Beginning, NotOpened, Result
from connector.sessions.opening_records import OpeningRecords
from connector.sessions.seats import SeatKeeper

log = structlog.get_logger(__name__)

WHY_NOT = {
    Beginning.NO_SEAT: NotOpened.NO_SEAT,
    Beginning.NOT_ENDED: NotOpened.NOT_ENDED,
    Beginning.NOT_ALONE: NotOpened.NOT_ENDED,
}
HAS_ROW = frozenset([Beginning.BEGUN, Beginning.NOT_ALONE])
Login = asyncio.Task[asyncio.Task[Result]]
"""A login that is under way. It returns the task of what follows it, which no shutdown cancels."""


class RunningLogins:
    """Begins logins, sees to what follows them, and waits for all of it at the end."""

    def __init__(
        self,
        end_system: EndSystem,
        begun: OpeningRecords,
        after: AfterLogin,
        *,
        deadline: float,
        seats: SeatKeeper | None = None,
        is_alone: Callable[[Opening], Coroutine[Any, Any, bool]] | None = None,
    ) -> None:
        """Make it, with no login under way.

        Args:
            end_system: makes the logins.
            begun: records that they begin.
            after: sees to what follows them.
            deadline: is for the end system, in seconds: a caller is answered then.
            seats: let no more logins begin than are allowed; None if any number may.
            is_alone: tells whether no process has another login of the session; None if nobody has to ask.
        """
        self.deadline = deadline
        self.are_stopping = False
        """Whether no login begins any more."""
        self.late = LoginOutcome(LoginResult.UNAVAILABLE, code="timeout", message=late_answer(deadline), may_be_made=True)
        """What a caller is told of a login that is not over by then."""
        self._end_system = end_system
        self._begun = begun
        self._after = after
        self._seats = seats
        self._is_alone = is_alone
        self._longest = LONGEST_LOGIN * deadline
        self._logins = OwnedTasks()
        self._beside = OwnedTasks()
        """What comes before and after them."""

    async def begin(self, attempt: Attempt) -> Login | NotOpened:
        """Make it durable that a login is about to be sent, and return its task, which has begun. Nothing is sent otherwise.

        For a caller who leaves before, nothing is sent, and what was recorded until then is taken back.
        """
        if self._seats is None and self._is_alone is None:
            return await self._begin(attempt)
        # A task of the application, because a caller who leaves must break off nothing between the record and the login.
        return await asyncio.shield(self._beside.start(self._begin(attempt)))

    async def _begin(self, attempt: Attempt) -> Login | NotOpened:
        self._begun.note(attempt.opening)
        begun = await self._alone(attempt.opening, await self._recorded(attempt))
        if begun is Beginning.NOT_RECORDED:
            return NotOpened.NOT_RECORDED
        if begun is Beginning.BEGUN and self._is_wanted(attempt):
            return self._logins.start(self._log_in(attempt))
        if begun in HAS_ROW:
            await self._begun.nothing_made(attempt.opening)
        else:
            self._begun.not_begun(attempt.opening)
        if self.are_stopping:
            return NotOpened.STOPPING
        return WHY_NOT.get(begun, NotOpened.OVERTAKEN)

    async def _alone(self, opening: Opening, begun: Beginning) -> Beginning:
        """Look once more for other logins of the session, because two processes may have looked before either was recorded."""
        if begun is not Beginning.BEGUN or self._is_alone is None:
            return begun
        try:
            return begun if await self._is_alone(opening) else Beginning.NOT_ALONE
        except LedgerUnavailable:
            return Beginning.NOT_ALONE

    async def _recorded(self, attempt: Attempt) -> Beginning:
        if self._seats is None:
            return await self._begun.begin(attempt.opening)
        started = time.monotonic()
        try:
            return await self._seats.begin(attempt, partial(self._is_wanted, attempt))
        except LedgerUnavailable:
            self._begun.not_begun(attempt.opening)
            return Beginning.NOT_RECORDED
        finally:
            attempt.caller.waited = time.monotonic() - started

    def _is_wanted(self, attempt: Attempt) -> bool:
        return not self.are_stopping and self._after.is_wanted(attempt)

    async def _log_in(self, attempt: Attempt) -> asyncio.Task[Result]:
        request, started, is_over = attempt.request, time.monotonic(), False
        try:
            done: Timed[LoginOutcome | None] = await step(
                "login",
                lambda: logged_in(self._end_system.login(request.session_id, request.settings)),
                deadline=Patience(self._longest),
                late=self.late,
                failed=None,
            )
            is_over = True
        finally:
            if not is_over:
                self._beside.start(self._begun.unanswered(attempt.opening, "it was broken off, because the server ends"))
        return self._beside.start(self._follow(attempt, done.outcome, time.monotonic() - started))

    async def _follow(self, attempt: Attempt, outcome: LoginOutcome | None, passed: float) -> Result:
        if outcome is None:
            await self._begun.unanswered(attempt.opening, "a defect; the log has its traceback")
            return NotOpened.DEFECT
        return await self._after.follow(attempt, outcome, patience=max(0.0, self.deadline - passed))

    @property
    def under_way(self) -> int:
        """How many logins have begun, or are about to, and are not recorded yet."""
        return len(self._logins) + len(self._beside)

    def stop(self) -> None:
        """Begin no login any more, and let nobody wait for a seat."""
        self.are_stopping = True
        if self._seats is not None:
            self._seats.stop()

    async def drain(self, deadline: float) -> int:
        """Begin no more logins, give the running ones their time, then wait for all that follows them.

        Call it before the ledger is closed. A login may take `LONGEST_LOGIN` times as long as its caller waits, whatever
        `deadline` says, and is recorded once it is answered. A longer one is cancelled. Returns how many were. What follows a
        login is never cancelled, because its parts have deadlines.
        """
        self.stop()  # or a login that has just begun would be cancelled with those that have had their time
        longest = max(deadline, self._longest)
        if self._logins:
            message = "waiting for running logins, so that what they make is ended"
            log.warning(message, logins=len(self._logins), seconds=longest)
        broken_off = await self._logins.drain(longest)
        await self._beside.finish()
        await self._after.finish()
        return broken_off
