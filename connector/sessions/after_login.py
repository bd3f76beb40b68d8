"""What follows a login: its session or the end of what it has made. No login that was made is forgotten."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from weakref import WeakValueDictionary

import structlog

from connector.endsystems.end_system import LoginOutcome, SessionLogin
from connector.model.cleanup import Timed
from connector.model.errors import LedgerUnavailable
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult
from connector.model.sessions import OpenSession
from connector.runtime.steps import step
from connector.runtime.supervision import OwnedTasks
from connector.sessions.issued_headers import IssuedHeaders
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from connector.sessions.opening_outcomes import Attempt, NotOpened, Opened, Result
from connector.sessions.opening_records import OpeningRecords
from connector.sessions.records import SessionRecords

log = structlog.get_logger(__name__)

OPEN = frozenset([LoginResult.LOGGED_IN, LoginResult.NOT_APPLICABLE])


class AfterLogin:
    """Makes a session of a login if its caller still waits and no cleanup came meanwhile."""

    def __init__(
        self,
        logouts: Logouts,
        live: LiveSessions,
        begun: OpeningRecords,
        records: SessionRecords,
        issued: IssuedHeaders,
        *,
        clock: Callable[[], float],
    ) -> None:
        """`clock` tells when a login was made."""
        self._end_system = logouts.end_system
        self._logouts = logouts
        self._live = live
        self._begun = begun
        self._records = records
        self._issued = issued
        self._clock = clock
        self._undoing = OwnedTasks()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """The sessions of which a login is being recorded: one after the other, so that memory and ledger agree on the last."""

    def is_wanted(self, attempt: Attempt) -> bool:
        """Tell whether the session may still be opened: its caller waits, and no cleanup of it was received here."""
        return attempt.caller.waits and self._live.may_open(attempt.opening.session_id, attempt.opening.login_id)

    async def finish(self) -> None:
        """Wait for logouts that nobody waits for any more. Their parts have deadlines."""
        await self._undoing.finish()

    async def follow(self, attempt: Attempt, outcome: LoginOutcome, *, patience: float) -> Result:
        """Do what a login's outcome asks for. The caller is told of a failure at the latest after `patience` seconds."""
        session = self._session(attempt, outcome)
        if outcome.result not in OPEN:
            return await self._failed(attempt, session, outcome, patience)
        with self._issued.seals.for_a_session() as key_id:
            done: Timed[Result] = await step(
                "opening a session",
                lambda: self._opened(attempt, replace(session, key_id=key_id), outcome),
                deadline=self._records.deadline,
                late=NotOpened.NOT_RECORDED,
                failed=NotOpened.DEFECT,
            )
        # Not open: what the login has made has to be ended.
        if isinstance(done.outcome, NotOpened):
            self._live.ended(session)
            await self._records.end(session)
        return done.outcome

    def _session(self, attempt: Attempt, outcome: LoginOutcome) -> OpenSession:
        request, now, made = attempt.request, self._clock(), outcome.has_made_something
        login = SessionLogin(request.session_id, request.system_id, outcome.credential)
        return OpenSession(
            session_id=request.session_id,
            system_id=request.system_id,
            origin=self._logouts.origin(login) if made else "",
            login_id=attempt.opening.login_id,
            opened_at=now,
            used_at=now,
            credential=outcome.credential if made and self._end_system.ends_sessions else None,
            is_shared=self._end_system.shares_logins,
        )

    async def _failed(self, attempt: Attempt, session: OpenSession, failure: LoginOutcome, patience: float) -> LoginOutcome:
        """End what a login has made until it failed, and tell the caller of it, at the latest after `patience` seconds."""
        if session.credential is None:
            await (self._begun.unanswered(attempt.opening) if failure.may_be_made else self._begun.nothing_made(attempt.opening))
            return failure
        if not patience:  # its caller was answered, so that the retries may do it
            await self._records.end(session)
            return failure
        undoing = self._undoing.start(self._records.undo(session))
        await asyncio.wait([undoing], timeout=patience)
        told = _words_for(undoing.result()) if undoing.done() else "is being ended"
        return replace(failure, message=f"{failure.message}; the login made until then {told}") if told else failure

    async def _opened(self, attempt: Attempt, session: OpenSession, outcome: LoginOutcome) -> Result:
        """Open the session with the new login, or return why the login has to be ended."""
        headers = self._issued.of(session, outcome, attempt.request.settings)
        if headers is None:
            return NotOpened.DEFECT
        if not self.is_wanted(attempt):
            return NotOpened.OVERTAKEN
        if outcome.message:
            log.warning("a login was made and could not be proved; it is used all the same", reason=outcome.message)
        if not_opened := await self._record(attempt, session):
            return not_opened
        return Opened(headers, lambda: self._live.note_answered(session.session_id, session.login_id))

    async def _record(self, attempt: Attempt, session: OpenSession) -> NotOpened | None:
        """Record the session, and end what it replaces. The old seal is dead before its cached values are evicted.

        A cleanup that comes until then wins. A client that has gone by then has no seal to end the session with.
        """
        async with self._turns.setdefault(session.session_id, asyncio.Lock()):
            was_open = self._live.is_open_here(session.session_id)
            try:
                recorded = await self._records.open(session, attempt.request.replaced, was_open=was_open)
            except LedgerUnavailable:
                if self._live.must_evict:
                    self._records.evict_soon()
                return NotOpened.NOT_RECORDED
            if not recorded.is_open:
                return NotOpened.OVERTAKEN
            self._live.opened(session)
        if session.credential is not None and session.credential.proved:
            self._logouts.doubts.seen_alive(session.session_id, session.login_id)
        if not self.is_wanted(attempt):
            self._live.ended(session)  # the old login is replaced all the same, and its seal must not outlive it
        is_evicted = recorded.owed is None or await self._records.evict(recorded.owed)
        if self._live.must_evict and not is_evicted:
            return NotOpened.STORE_AWAY
        return None if self.is_wanted(attempt) else NotOpened.OVERTAKEN


def _words_for(ended: LogoutOutcome) -> str | None:
    """Tell what became of a login that failed half-way; None if there was nothing to end after all."""
    if ended.result is LogoutResult.NOT_APPLICABLE:
        return None
    if ended.result is LogoutResult.ALREADY_OUT:
        return "is out, as far as the end system tells"
    return "was ended" if ended.closes else f"could not be ended, and stays owed: {ended.message}"
