"""Who may end a session: the holder of its seal."""

from collections.abc import Sequence

from msgspec import Struct

from connector.model.errors import UnknownSession
from connector.sessions.live import LiveSessions
from connector.sessions.seal import Sealed, Seals


class Admission(Struct, frozen=True):
    """Decides on a cleanup before anything is looked up or changed."""

    seals: Seals
    live: LiveSessions
    require_seal: bool
    """Whether a seal is required even for sessions that were not opened here."""
    require_seal_from_beyond: bool = True
    """Whether it is required of callers from beyond this machine."""

    async def without_seal(self, session_id: str) -> None:
        """Raise `UnknownSession` if another process has opened the session, `LedgerUnavailable` if nobody can tell."""
        if await self.live.is_open_elsewhere(session_id):
            raise UnknownSession("no seal")

    def of(
        self,
        session_id: str,
        system_id: str | None,
        given: Sequence[str],
        *,
        whole_system: bool = False,
        from_beyond: bool = False,
    ) -> Sealed | None:
        """Return what the seal holds; None without a seal, if none is needed. `given` are the header's values.

        An old OpsHub opens sessions without a system. An OpsHub that was updated since may name one, and closes the session
        all the same. Only a seal of its own cleans up a whole system.

        Raises:
            UnknownSession: a seal is missing, or belongs to another session or to another system than the caller names.
        """
        if not any(given):
            # A session that was opened here has a seal: who comes without it is not the one who opened it.
            required = self.require_seal or (from_beyond and self.require_seal_from_beyond)
            if required or self.live.is_open_here(session_id):
                raise UnknownSession("no seal")
            return None
        # Judged by itself, before anything is looked up: the answer must not tell whether a session exists.
        sealed = self.seals.opened(given)
        of_no_system = sealed.system_id is None and not whole_system
        if sealed.session_id != session_id or not (of_no_system or system_id in {None, sealed.system_id}):
            raise UnknownSession("a seal of another session, or of another system")
        return sealed
