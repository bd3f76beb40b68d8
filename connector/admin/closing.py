"""Sessions that an administrator ends by hand: by the very same cleanup as OpsHub's, or by giving a login up."""

from typing import Protocol

import structlog
from msgspec import Struct

from connector.cleanups.orchestrator import Orchestrator
from connector.cleanups.plan import Planner
from connector.ledger.port import ShownSessions, UnknownOpenings
from connector.model.cleanup import CleanupReport
from connector.model.errors import NoSuchSession
from connector.model.listed import ListedSession, SessionState, Wanted
from connector.model.sessions import OpenSession
from connector.sessions.live import LiveSessions
from connector.telemetry.logs import session_digest, words_of
from connector.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

NOT_CLOSED = {
    SessionState.OPEN: "the session is being closed",
    SessionState.OPENING: "its login is under way: close the session once it is open",
    SessionState.UNKNOWN: "nobody has its credential: look for the login in the end system, end it there, then dismiss it",
}
"""Why a login that is listed cannot be closed."""
DISMISSED = (
    "an administrator has dismissed a login of which nobody knows what it has made: "
    "if the end system has made it and nobody has ended it there, it stays open"
)


class SessionsByHand(ShownSessions, UnknownOpenings, Protocol):
    """A ledger whose sessions an administrator ends."""

    async def open_by(self, session_id: str, login_id: str) -> OpenSession | None:
        """Return a session that is open by this login, with its credential."""
        ...


class Closing(Struct, frozen=True):
    """Ends sessions of a running server."""

    ledger: SessionsByHand
    live: LiveSessions
    planner: Planner
    orchestrator: Orchestrator
    metrics: Metrics

    async def close(self, session_id: str, login_id: str) -> CleanupReport:
        """Log a session out and evict what it has cached, if it is still open by this login.

        Raises:
            NoSuchSession: it is not, or its row cannot be used.
            LedgerUnavailable: nothing has changed.
            BrokenOff: the server ends, and waits no longer.
        """
        session = await self.ledger.open_by(session_id, login_id)
        # Nothing is awaited between this answer and the session's death: no other login of it is closed by mistake.
        if session is None or not self.live.may_be_closed(session):
            row = await self._row(session_id, login_id)
            raise NoSuchSession(f"its row cannot be used: {row.unusable}" if row.unusable else NOT_CLOSED[row.state])
        about = session_digest(session_id)
        log.info("an administrator closes a session", session=about)
        report = await self.orchestrator.cleanup(self.planner.by_record(session), only_this_login=True)
        self.metrics.observe_evictions(report)
        log.info("a session is closed, as an administrator has asked", session=about, **words_of(report))
        return report

    async def dismiss(self, session_id: str, login_id: str) -> None:
        """Forget a login of which nobody knows what it has made.

        Raises:
            NoSuchSession, NoSuchOpening: there is none.
            LedgerUnavailable: nothing has changed.
        """
        row = await self._row(session_id, login_id)
        await self.ledger.let_go_opening(login_id)
        log.warning(DISMISSED, session=session_digest(session_id), end_system=row.origin)

    async def _row(self, session_id: str, login_id: str) -> ListedSession:
        """Return what is listed of a login. Raises `NoSuchSession`."""
        found = await self.ledger.session_listing(Wanted(session=session_id))
        for row in found:
            if row.login_id == login_id:
                return row
        raise NoSuchSession("the session has another login by now" if found else "the session is not open")
