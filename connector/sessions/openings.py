"""Opening a session: the login, its record, its seal. A login that was made is never lost sight of."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from secrets import token_urlsafe

import structlog

from connector.cleanup import Timed
from connector.endsystems.contract import LoginOutcome, SessionLogin
from connector.ledger import sessions
from connector.ledger.bookkeeping import DEADLINE
from connector.ledger.errors import LedgerUnavailable
from connector.ledger.open_sessions import OpenSession
from connector.ledger.store import Ledger
from connector.ledger.table import Table
from connector.logouts import Logouts
from connector.outcomes import LoginResult
from connector.sessions.live import LiveSessions
from connector.sessions.returned import ADVISED, problems_of, size_of
from connector.sessions.seal import HEADER, Sealed, Seals
from connector.steps import step
from connector.supervision import OwnedTasks

log = structlog.get_logger(__name__)

OPEN = frozenset([LoginResult.LOGGED_IN, LoginResult.NOT_APPLICABLE])


@dataclass(frozen=True, slots=True)
class OpeningRequest:
    """One call of initialize, parsed; its settings have been checked."""

    session_id: str
    """Canonical UUID text."""
    system_id: str | None
    settings: Mapping[str, str] = field(repr=False)
    replaced: Sealed | None = None
    """What the session was until now, where the caller has shown it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The session is open and recorded."""

    headers: Mapping[str, str] = field(repr=False)
    """What OpsHub has to send along with every later call: the seal first."""


class NotOpened(Enum):
    """Why a session is not open although the end system did not refuse it. A login that was made is being ended."""

    OVERTAKEN = "overtaken"
    """A cleanup of the session was received, or whoever wanted it open has gone."""
    NOT_RECORDED = "not_recorded"
    """The ledger could not record it."""
    DEFECT = "defect"
    """Of the end system's class or profile; logged."""


Result = Opened | NotOpened | LoginOutcome


class Openings:
    """Opens sessions. Their work is the application's: one that has begun comes to an end, and shutdown waits for it."""

    def __init__(
        self,
        logouts: Logouts,
        ledger: Ledger,
        live: LiveSessions,
        seals: Seals,
        tasks: OwnedTasks,
        *,
        deadline: float,
        longest_header: int,
        nudge: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`deadline` is for the end system, in seconds; `nudge` tells the retries that a login has to be ended."""
        self.end_system = logouts.end_system
        self._logouts = logouts
        self._ledger = ledger
        self._live = live
        self._seals = seals
        self._tasks = tasks
        self._deadline = deadline
        self._longest_header = longest_header
        self._nudge = nudge
        self._clock = clock

    async def open(self, request: OpeningRequest, is_wanted: Callable[[], bool] = lambda: True) -> Result:
        """Log in and record the session, which replaces an earlier login of it once the new one has succeeded.

        `is_wanted` tells whether somebody still waits for the answer: without its seal, nobody could end the session.
        """
        return await asyncio.shield(self._tasks.start(self._open(request, is_wanted)))

    async def _open(self, request: OpeningRequest, is_wanted: Callable[[], bool]) -> Result:
        with self._live.opening(request.session_id) as opening:
            outcome = await self._log_in(request)
            if outcome is None:
                return NotOpened.DEFECT
            session = self._session(request, outcome)
            done: Timed[Result] = await step(
                "opening a session",
                lambda: self._opened(session, request, outcome, lambda: is_wanted() and not opening.overtaken),
                deadline=4 * DEADLINE,
                late=NotOpened.NOT_RECORDED,
                failed=NotOpened.DEFECT,
            )
            if isinstance(done.outcome, NotOpened) or (done.outcome is outcome and session.credential is not None):
                await self._end(session)
            return done.outcome

    async def _opened(
        self, session: OpenSession, request: OpeningRequest, outcome: LoginOutcome, is_wanted: Callable[[], bool]
    ) -> Result:
        """Open the session with the login that was made, or say why it has to be ended."""
        if outcome.result not in OPEN:
            return outcome
        headers = self._headers(session, outcome)
        if headers is None:
            return NotOpened.DEFECT
        if not is_wanted():
            return NotOpened.OVERTAKEN
        return await self._record(session, request, is_wanted) or Opened(headers)

    async def _log_in(self, request: OpeningRequest) -> LoginOutcome | None:
        late = f"the end system did not answer within {self._deadline:g} s"
        done: Timed[LoginOutcome | None] = await step(
            "login",
            lambda: self.end_system.login(request.session_id, request.settings),
            deadline=self._deadline,
            late=LoginOutcome(LoginResult.UNAVAILABLE, code="timeout", message=late),
            failed=None,
        )
        return done.outcome

    def _session(self, request: OpeningRequest, outcome: LoginOutcome) -> OpenSession:
        made = outcome.result is LoginResult.LOGGED_IN or bool(outcome.credential)
        login = SessionLogin(request.session_id, request.system_id, outcome.credential)
        now = self._clock()
        return OpenSession(
            session_id=request.session_id,
            system_id=request.system_id,
            origin=self._logouts.origin(login) if made else "",
            login_id=token_urlsafe(16),
            opened_at=now,
            used_at=now,
            credential=outcome.credential if made else None,
        )

    def _headers(self, session: OpenSession, outcome: LoginOutcome) -> dict[str, str] | None:
        """Return what OpsHub is given, None if it could not send that back."""
        problems = [*problems_of(outcome.returned, longest=self._longest_header)]
        if problems:
            log.error("the end system returns headers that OpsHub cannot send back", problems=problems)
            return None
        sealed = Sealed(session.session_id, session.system_id, session.login_id, self._live.ledger_id, session.credential)
        headers = {HEADER: self._seals.make(sealed), **outcome.returned}
        if len(headers[HEADER]) > self._longest_header:
            log.error("the seal is longer than server.limits.header", bytes=len(headers[HEADER]))
            return None
        if (size := size_of(headers)) > ADVISED:
            log.warning("a session's headers are large: proxies may refuse its calls", bytes=size, advised=ADVISED)
        return headers

    async def _record(self, session: OpenSession, request: OpeningRequest, is_wanted: Callable[[], bool]) -> NotOpened | None:
        """Make the session durable, and what it replaces a debt.

        A cleanup that was received until then wins, and a client that has gone by then has no seal to end the session with.
        """
        replaced = self._replaced(request)
        now = self._clock()
        if not await self._written(lambda table: sessions.open_session(table, session, replaced=replaced, now=now)):
            return NotOpened.NOT_RECORDED
        if not is_wanted():
            return NotOpened.OVERTAKEN
        self._live.opened(session)
        self._nudge()
        return None

    def _replaced(self, request: OpeningRequest) -> OpenSession | None:
        """Return the login that the caller's seal stands for: another process may have made it, and have its record."""
        old = request.replaced
        if old is None or old.credential is None:
            return None
        origin = self._logouts.origin(SessionLogin(old.session_id, old.system_id, old.credential))
        return OpenSession(old.session_id, old.system_id, origin, old.login_id, 0.0, 0.0, old.credential)

    async def _end(self, session: OpenSession) -> None:
        """Have a login ended that nobody will use: by the retries at once or, where they cannot be told of it, here."""
        now = self._clock()

        def owe(table: Table) -> None:
            sessions.forget_login(table, session)
            sessions.owe(table, session, now=now)

        if await self._written(owe):
            self._nudge()
        elif session.credential is not None:
            await self._log_out(SessionLogin(session.session_id, session.system_id, session.credential))

    async def _log_out(self, login: SessionLogin) -> None:
        async with self._logouts.sharing(login, attempts=0) as shared:
            done = await asyncio.shield(shared.task)
        if not done.outcome.closes:
            log.error("A LOGIN COULD BE NEITHER RECORDED NOR ENDED", outcome=done.outcome.result.value, code=done.outcome.code)

    async def _written(self, work: Callable[[Table], None]) -> bool:
        try:
            async with asyncio.timeout(DEADLINE):
                await self._ledger.transact(work)
        except (LedgerUnavailable, TimeoutError) as problem:
            log.warning("the ledger could not record a login", reason=str(problem) or f"not within {DEADLINE:g} s")
            return False
        return True
