"""Opening a session: the login is known to the ledger before it is sent, and goes on whatever becomes of its caller."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from secrets import token_urlsafe
from typing import Protocol

import structlog

from connector.endsystems.end_system import LONGEST_LOGIN, LoginOutcome
from connector.endsystems.escaped import logged_in
from connector.model.begun import Opening
from connector.model.cleanup import Timed
from connector.model.errors import BrokenOff, LedgerUnavailable
from connector.model.outcomes import LoginResult, late_answer
from connector.runtime.deadline import Patience
from connector.runtime.steps import step
from connector.runtime.supervision import OwnedTasks
from connector.sessions.after_login import AfterLogin
from connector.sessions.issued_headers import IssuedHeaders
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from connector.sessions.opening_outcomes import Attempt, Caller, NotOpened, OpeningRequest, Result
from connector.sessions.opening_records import OpeningRecords
from connector.sessions.records import SessionRecords
from connector.sessions.seal import Seals

log = structlog.get_logger(__name__)

Login = asyncio.Task[asyncio.Task[Result]]
"""A login that is under way, and the task of what follows it, which no shutdown cancels."""


class Turns(Protocol):
    """Lets one initialize of a session run at a time."""

    def turn(self, request: OpeningRequest) -> AbstractAsyncContextManager[bool]:
        """Wait, end the session's earlier login, and give whether it is surely over. Raises `LedgerUnavailable`."""
        ...


class Openings:
    """Opens sessions. A login that has begun goes on when its caller has gone or was answered.

    What it makes then is ended, because nobody has its seal.
    """

    def __init__(
        self,
        logouts: Logouts,
        live: LiveSessions,
        seals: Seals,
        begun: OpeningRecords,
        records: SessionRecords,
        *,
        deadline: float,
        longest_header: int,
        turns: Turns | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make it.

        Args:
            logouts: know the end system.
            live: knows which sessions are open.
            seals: make the seals.
            begun: write down what is about to be made.
            records: write down what was opened.
            deadline: is for the end system, in seconds: a caller is answered then.
            longest_header: bytes that a seal may have.
            turns: end the earlier login of a session before; None if it is ended after.
            clock: tells when a login was made.
        """
        self._turns = turns
        self._end_system = logouts.end_system
        self._logouts = logouts
        self._begun = begun
        issued = IssuedHeaders(seals, live, longest_header)
        self._after = AfterLogin(logouts, live, begun, records, issued, clock=clock)
        self._deadline = deadline
        self._longest = LONGEST_LOGIN * deadline
        self._clock = clock
        self._logins = OwnedTasks()
        self._beside = OwnedTasks()
        """What comes before and after logins."""
        self._stopping = False
        self._late = LoginOutcome(LoginResult.UNAVAILABLE, code="timeout", message=late_answer(deadline), may_be_made=True)

    async def open(self, request: OpeningRequest, is_wanted: Callable[[], bool] = lambda: True) -> Result:
        """Log in and record the session. An earlier login of it is replaced once the new one has succeeded.

        `is_wanted` tells whether the caller still waits: without the seal, nobody could end the session.
        """
        if self._stopping:
            return NotOpened.STOPPING
        if self._begun.are_overwhelmed:
            return NotOpened.NOT_RECORDED
        if self._turns is None:
            return await self._open(request, is_wanted)
        try:
            async with self._turns.turn(request) as may_log_in:
                return await self._open(request, is_wanted) if may_log_in else NotOpened.NOT_ENDED
        except LedgerUnavailable:
            return NotOpened.NOT_RECORDED
        except BrokenOff:
            return NotOpened.STOPPING

    async def _open(self, request: OpeningRequest, is_wanted: Callable[[], bool]) -> Result:
        attempt = Attempt(request, self._opening(request), Caller(is_wanted))
        try:
            # Tasks of the application: a caller who leaves must not cancel a login that may be made by now.
            login = await asyncio.shield(self._beside.start(self._begin(attempt)))
            return login if isinstance(login, NotOpened) else await self._result(login)
        finally:
            attempt.caller.was_answered = True  # a session that opens later would have no caller

    def _opening(self, request: OpeningRequest) -> Opening:
        return Opening(
            session_id=request.session_id,
            system_id=request.system_id,
            origin=self._logouts.origin_to_come(request.session_id, request.system_id),
            # Random, not counted: two processes with the same keys must never use one id.
            login_id=token_urlsafe(16),
            opened_at=self._clock(),
        )

    async def _begin(self, attempt: Attempt) -> Login | NotOpened:
        """Make it durable that a login is about to be sent, then begin it. Nothing is sent otherwise."""
        if not await self._begun.begin(attempt.opening):
            return NotOpened.NOT_RECORDED
        if self._stopping or not self._after.is_wanted(attempt):
            await self._begun.nothing_made(attempt.opening)
            return NotOpened.STOPPING if self._stopping else NotOpened.OVERTAKEN
        return self._logins.start(self._log_in(attempt))

    async def _result(self, login: Login) -> Result:
        await asyncio.wait([login], timeout=self._deadline)
        if not login.done() or login.cancelled():
            log.warning("a login is late: its caller was answered, and what it makes will be ended", seconds=self._deadline)
            return self._late
        return await asyncio.shield(login.result())

    async def drain(self, deadline: float) -> int:
        """Begin no more logins, give the running ones their time, then wait for all that follows them.

        Call it before the ledger is closed. A login may take `LONGEST_LOGIN` times as long as its caller waits, whatever
        `deadline` says, and is recorded once it is answered. A longer one is cancelled. Returns how many were. What follows a
        login is never cancelled, because its parts have deadlines.
        """
        self._stopping = True  # or a login that has just begun would be cancelled with those that have had their time
        longest = max(deadline, self._longest)
        if self._logins:
            message = "waiting for running logins, so that what they make is ended"
            log.warning(message, logins=len(self._logins), seconds=longest)
        broken_off = await self._logins.drain(longest)
        await self._beside.finish()
        await self._after.finish()
        return broken_off

    async def _log_in(self, attempt: Attempt) -> asyncio.Task[Result]:
        """Log in, and return the task of what follows, which no shutdown cancels."""
        request, started, is_over = attempt.request, time.monotonic(), False
        try:
            done: Timed[LoginOutcome | None] = await step(
                "login",
                lambda: logged_in(self._end_system.login(request.session_id, request.settings)),
                deadline=Patience(self._longest),
                late=self._late,
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
        return await self._after.follow(attempt, outcome, patience=max(0.0, self._deadline - passed))
