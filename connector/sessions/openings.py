"""Opening a session: the login, its record, its seal. No login that was made is forgotten."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from secrets import token_urlsafe
from typing import Protocol

import structlog

from connector.endsystems.end_system import LONGEST_LOGIN, LoginOutcome, SessionLogin
from connector.endsystems.escaped import logged_in
from connector.model.begun import Opening
from connector.model.cleanup import Timed
from connector.model.credential import Credential
from connector.model.errors import BrokenOff, LedgerUnavailable
from connector.model.headers import ADVISED, size_of
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult, late_answer
from connector.model.sessions import OpenSession
from connector.runtime.deadline import Patience
from connector.runtime.steps import step
from connector.runtime.supervision import OwnedTasks
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from connector.sessions.opening_outcomes import NotOpened, Opened, OpeningRequest, Result
from connector.sessions.records import SessionRecords
from connector.sessions.returned_headers import problems_of
from connector.sessions.seal import HEADER, Sealed, Seals

log = structlog.get_logger(__name__)

OPEN = frozenset([LoginResult.LOGGED_IN, LoginResult.NOT_APPLICABLE])


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
            records: write down what was opened.
            deadline: is for the end system, in seconds: a caller is answered then.
            longest_header: bytes that a seal may have.
            turns: end the earlier login of a session before; None if it is ended after.
            clock: tells when a login was made.
        """
        self._turns = turns
        self._end_system = logouts.end_system
        self._logouts = logouts
        self._live = live
        self._seals = seals
        self._records = records
        self._deadline = deadline
        self._longest = LONGEST_LOGIN * deadline
        self._longest_header = longest_header
        self._clock = clock
        self._logins = OwnedTasks()
        self._following = OwnedTasks()
        self._stopping = False
        self._late = LoginOutcome(LoginResult.UNAVAILABLE, code="timeout", message=late_answer(deadline))

    async def open(self, request: OpeningRequest, is_wanted: Callable[[], bool] = lambda: True) -> Result:
        """Log in and record the session. An earlier login of it is replaced once the new one has succeeded.

        `is_wanted` tells whether the caller still waits: without the seal, nobody could end the session.
        """
        if self._stopping:
            return NotOpened.STOPPING
        # A login that could be neither recorded nor ended must not be made.
        if self._records.is_overwhelmed:
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
        with self._live.opening(request.session_id) as opening:
            # A task of the application: a caller who leaves must not cancel a login that may be made by now.
            login = self._logins.start(self._log_in(request, lambda: is_wanted() and not opening.overtaken))
            try:
                await asyncio.wait([login], timeout=self._deadline)
                if not login.done() or login.cancelled():
                    log.warning(
                        "a login is late: its caller was answered, and what it makes will be ended", seconds=self._deadline
                    )
                    return self._late
                return await asyncio.shield(login.result())
            finally:
                opening.overtaken = True  # a session that opens later would have no caller

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
        if broken_off:
            log.error(
                "logins were cancelled at the end: those that the end system has made stay open; end them there",
                logins=broken_off,
            )
        await self._following.finish()
        return broken_off

    async def _log_in(self, request: OpeningRequest, is_wanted: Callable[[], bool]) -> asyncio.Task[Result]:
        """Log in, and return the task of what follows, which no shutdown cancels."""
        opening, started = self._opening(request), time.monotonic()
        if not await self._records.begin(opening):
            return self._following.start(self._never_sent(opening))
        done: Timed[LoginOutcome | None] = await step(
            "login",
            lambda: logged_in(self._end_system.login(request.session_id, request.settings)),
            deadline=Patience(self._longest),
            late=self._late,
            failed=None,
        )
        passed = time.monotonic() - started
        if self._was_never_answered(done.outcome, passed):
            log.error(
                "a login was never answered: if the end system has made it, it stays open; end it there",
                milliseconds=done.milliseconds,
            )
            return self._following.start(self._unanswered(opening, done.outcome or self._late))
        patience = max(0.0, self._deadline - passed)
        return self._following.start(self._follow(request, opening, done.outcome, is_wanted, patience=patience))

    def _was_never_answered(self, outcome: LoginOutcome | None, passed: float) -> bool:
        """Tell whether a login failed after its caller was told that it is late. Only the log can tell then."""
        timed_out = outcome is not None and outcome.code == self._late.code and not _made(outcome)
        return outcome is self._late or (passed > self._deadline and timed_out)

    async def _follow(
        self,
        request: OpeningRequest,
        opening: Opening,
        outcome: LoginOutcome | None,
        is_wanted: Callable[[], bool],
        *,
        patience: float,
    ) -> Result:
        if outcome is None:
            return await self._unanswered(opening, NotOpened.DEFECT)
        session = self._session(opening, outcome)
        if outcome.result not in OPEN:
            return await self._failed(session, opening, outcome, patience)
        done: Timed[Result] = await step(
            "opening a session",
            lambda: self._opened(session, request, outcome, is_wanted),
            deadline=self._records.deadline,
            late=NotOpened.NOT_RECORDED,
            failed=NotOpened.DEFECT,
        )
        # Not open: what the login has made has to be ended.
        if isinstance(done.outcome, NotOpened):
            self._live.ended(session)
            if await self._records.end(session):
                self._live.rows_gone(session.session_id, [session.login_id])
        return done.outcome

    async def _never_sent(self, opening: Opening) -> Result:
        """Take back what the ledger may have recorded all the same."""
        await self._records.made_nothing(opening)
        return NotOpened.NOT_RECORDED

    async def _unanswered(self, opening: Opening, result: Result) -> Result:
        """Record that nobody knows what a login has made, and return what its caller is told."""
        await self._records.never_answered(opening)
        return result

    async def _failed(self, session: OpenSession, opening: Opening, failure: LoginOutcome, patience: float) -> LoginOutcome:
        """End what a login has made until it failed, and tell the caller of it, at the latest after `patience` seconds."""
        if session.credential is None:
            await self._records.made_nothing(opening)
            return failure
        if not patience:  # its caller was answered, so that the retries may do it
            await self._records.end(session)
            return failure
        undoing = self._following.start(self._records.undo(session))
        await asyncio.wait([undoing], timeout=patience)
        told = _words_for(undoing.result()) if undoing.done() else "is being ended"
        return replace(failure, message=f"{failure.message}; the login made until then {told}") if told else failure

    async def _opened(
        self, session: OpenSession, request: OpeningRequest, outcome: LoginOutcome, is_wanted: Callable[[], bool]
    ) -> Result:
        """Open the session with the new login, or return why the login has to be ended."""
        headers = self._headers(session, outcome)
        if headers is None:
            return NotOpened.DEFECT
        if not is_wanted():
            return NotOpened.OVERTAKEN
        if outcome.message:
            log.warning("a login was made and could not be proved; it is used all the same", reason=outcome.message)
        return await self._record(session, request, is_wanted) or Opened(headers)

    def _opening(self, request: OpeningRequest) -> Opening:
        login = SessionLogin(request.session_id, request.system_id, Credential())
        # Random, not counted: two processes with the same keys must never use one id.
        login_id = token_urlsafe(16)
        return Opening(request.session_id, request.system_id, self._logouts.origin(login), login_id, self._clock())

    def _session(self, opening: Opening, outcome: LoginOutcome) -> OpenSession:
        made, now = _made(outcome), self._clock()
        login = SessionLogin(opening.session_id, opening.system_id, outcome.credential)
        return OpenSession(
            session_id=opening.session_id,
            system_id=opening.system_id,
            origin=self._logouts.origin(login) if made else "",
            login_id=opening.login_id,
            opened_at=now,
            used_at=now,
            credential=outcome.credential if made and self._end_system.ends_sessions else None,
            is_shared=self._end_system.shares_logins,
        )

    def _headers(self, session: OpenSession, outcome: LoginOutcome) -> dict[str, str] | None:
        """Return the headers for OpsHub; None if it could not send them back."""
        # Checked before the seal is made: a session with headers that OpsHub cannot return is nobody's.
        problems = [*problems_of(outcome.returned, longest=self._longest_header)]
        if problems:
            log.error("the end system returns headers that OpsHub cannot send back; the login is ended", problems=problems)
            return None
        headers = {HEADER: self._seals.make(self._sealed(session, outcome)), **outcome.returned}
        if len(headers[HEADER]) > self._longest_header:
            log.error(
                "the seal is longer than server.limits.header; the login is ended; raise that limit", bytes=len(headers[HEADER])
            )
            return None
        if (size := size_of(headers.items())) > ADVISED:
            log.warning("a session's headers are large: proxies may refuse its calls", bytes=size, advised=ADVISED)
        return headers

    def _sealed(self, session: OpenSession, outcome: LoginOutcome) -> Sealed:
        made = _made(outcome)
        return Sealed(
            session.session_id,
            session.system_id,
            session.login_id,
            self._live.ledger_id,
            outcome.credential if made else None,
            session.origin,
            static=made and session.credential is None,
            opened_at=session.opened_at,
        )

    async def _record(self, session: OpenSession, request: OpeningRequest, is_wanted: Callable[[], bool]) -> NotOpened | None:
        """Record the session, and end what it replaces. The old seal is dead before its cached values are evicted.

        A cleanup that comes until then wins. A client that has gone by then has no seal to end the session with.
        """
        # Asked before the next line, which notes the new session.
        was_open = self._live.is_open_here(session.session_id)
        replaced = self._live.recording(session)
        try:
            recorded = await self._records.open(session, request.replaced, was_open=was_open)
        except LedgerUnavailable:
            return NotOpened.NOT_RECORDED
        if not recorded.is_open:
            return NotOpened.OVERTAKEN
        self._live.opened(session, replaced)
        if session.credential is not None and session.credential.proved:
            self._logouts.doubts.seen_alive(session.session_id, session.login_id)
        if not is_wanted():
            self._live.ended(session)  # the old login is replaced all the same, and its seal must not outlive it
        if recorded.owed is not None:
            await self._records.evict(recorded.owed)
        return None if is_wanted() else NotOpened.OVERTAKEN


def _words_for(ended: LogoutOutcome) -> str | None:
    """Tell what became of a login that failed half-way; None if there was nothing to end after all."""
    if ended.result is LogoutResult.NOT_APPLICABLE:
        return None
    if ended.result is LogoutResult.ALREADY_OUT:
        return "is out, as far as the end system tells"
    return "was ended" if ended.closes else f"could not be ended, and stays owed: {ended.message}"


def _made(outcome: LoginOutcome) -> bool:
    """Tell whether a login has left a credential, even if nothing can log it out."""
    return outcome.result is LoginResult.LOGGED_IN or bool(outcome.credential)
