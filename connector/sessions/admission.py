"""Who may end a session: whoever holds its seal."""

from collections.abc import Sequence
from dataclasses import dataclass

from connector.model.errors import UnknownSession
from connector.sessions.live import LiveSessions
from connector.sessions.seal import Sealed, Seals


@dataclass(frozen=True, slots=True)
class Admission:
    """Decides on a cleanup before anything is looked up or changed."""

    seals: Seals
    live: LiveSessions
    require_seal: bool
    """Whether callers must have one also for sessions that were not opened here."""
    require_seal_from_beyond: bool = True
    """Whether those of them must who are not on this machine."""

    def of(
        self,
        session_id: str,
        system_id: str | None,
        given: Sequence[str],
        *,
        whole_system: bool = False,
        from_beyond: bool = False,
    ) -> Sealed | None:
        """Return what the seal holds, None where there is none and none is needed; `given` are the header's values.

        A session that an old OpsHub has opened is of no system, and an OpsHub that was updated since may name one: it closes the
        session all the same. A whole system is cleaned up only by a seal that says it is its own.

        Raises:
            UnknownSession: a seal is missing, or is not one of this session and, where the caller names one, of this system.
        """
        if not any(given):
            required = self.require_seal or (from_beyond and self.require_seal_from_beyond)
            if required or self.live.is_open_here(session_id):
                raise UnknownSession("no seal")
            return None
        sealed = self.seals.opened(given)
        of_no_system = sealed.system_id is None and not whole_system
        if sealed.session_id != session_id or not (of_no_system or system_id in {None, sealed.system_id}):
            raise UnknownSession("a seal of another session, or of another system")
        return sealed
