"""The headers that OpsHub is given with a new session: its seal, and what the end system returns."""

from collections.abc import Callable, Mapping

import structlog
from msgspec import Struct

from connector.endsystems.end_system import LoginOutcome
from connector.model.headers import ADVISED, size_of
from connector.model.sessions import OpenSession
from connector.sessions.live import LiveSessions
from connector.sessions.returned_headers import problems_of
from connector.sessions.seal import HEADER, Sealed, Seals

HandedOn = Callable[[Mapping[str, str]], Mapping[str, str]]

log = structlog.get_logger(__name__)


class IssuedHeaders(Struct, frozen=True):
    """Makes them."""

    seals: Seals
    live: LiveSessions
    longest: int
    """Bytes that a header may have."""
    handed_on: HandedOn | None = None
    """Returns what handlers get of a system's settings; None if no calls are served."""

    def of(self, session: OpenSession, outcome: LoginOutcome, settings: Mapping[str, str]) -> dict[str, str] | None:
        """Return the headers; None if OpsHub could not send them back. `settings` are those that the login was made with."""
        # Checked before the seal is made: a session with headers that OpsHub cannot return is nobody's.
        problems = [*problems_of(outcome.returned, longest=self.longest)]
        if problems:
            log.error("the end system returns headers that OpsHub cannot send back; the login is ended", problems=problems)
            return None
        headers = {HEADER: self.seals.make(self._sealed(session, outcome, settings), key_id=session.key_id), **outcome.returned}
        if len(headers[HEADER]) > self.longest:
            message = "the seal is longer than server.limits.header; the login is ended; raise that limit"
            log.error(message, bytes=len(headers[HEADER]))
            return None
        if (size := size_of(headers.items())) > ADVISED:
            log.warning("a session's headers are large: proxies may refuse its calls", bytes=size, advised=ADVISED)
        return headers

    def _sealed(self, session: OpenSession, outcome: LoginOutcome, settings: Mapping[str, str]) -> Sealed:
        return Sealed(
            session.session_id,
            session.system_id,
            session.login_id,
            self.live.ledger_id,
            outcome.credential if outcome.has_made_something else None,
            session.origin,
            static=outcome.has_made_something and session.credential is None,
            opened_at=session.opened_at,
            settings=None if self.handed_on is None else self.handed_on(settings),
        )
