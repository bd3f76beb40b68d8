"""What a cleanup has to end, from what its caller has asked for. Nothing is looked up outside, and nothing is changed."""

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from connector.endsystems.end_system import EndSystem
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.outcomes import NO_LOGIN, NOTHING_TO_END, UNKNOWN_LOGIN, LogoutOutcome
from connector.model.sessions import Current, OpenSession
from connector.sessions.admission import Admission
from connector.sessions.seal import Sealed


class Planner(Struct, frozen=True):
    """Plans cleanups. A seal says what has to be ended; without one, the caller's headers do."""

    end_system: EndSystem
    admission: Admission
    current: Callable[[Sealed], Current]
    """Returns the newest credential of a seal's login that is known here."""

    def let_in(
        self, session_id: str, system_id: str | None, *, global_cache: bool, seals: Sequence[str], from_beyond: bool
    ) -> Sealed | None:
        """Return what the caller's seal holds; None without a seal, if none is needed.

        Args:
            session_id: canonical UUID text.
            system_id: the system that the caller names, if any.
            global_cache: whether all that is cached of the system has to go, too.
            seals: the values of the seal's header.
            from_beyond: whether the call comes from beyond this machine.

        Raises:
            UnknownSession: nothing shows that the caller owns the session.
        """
        return self.admission.of(session_id, system_id, seals, whole_system=global_cache, from_beyond=from_beyond)

    async def admit(self, session_id: str) -> None:
        """Do nothing if the ledger allows a cleanup without a seal.

        Raises:
            UnknownSession: another process has opened the session.
            LedgerUnavailable: the ledger cannot tell.
        """
        await self.admission.without_seal(session_id)

    def plan(
        self,
        session_id: str,
        system_id: str | None,
        sealed: Sealed | None,
        *,
        global_cache: bool,
        headers: Iterable[tuple[str, str]],
    ) -> CleanupRequest:
        """Return what has to be ended, to be called just before that is: its credential may be renewed at any time.

        `sealed` is what `let_in` has returned. Of the `headers` of the call, only those are read that the end system needs for a
        logout.
        """
        if sealed is not None:
            return self.by_seal(sealed, global_cache=global_cache)
        credential = Credential(headers, needed=self.end_system.needed_headers)
        return CleanupRequest(session_id, system_id, global_cache, credential, foregone=self._foregone(credential))

    def _foregone(self, credential: Credential) -> LogoutOutcome | None:
        """Return how the logout without a seal ends, if that is known already: no login can be ended."""
        if not self.end_system.ends_sessions:
            return NOTHING_TO_END
        return UNKNOWN_LOGIN if self.end_system.opens_sessions and not any(credential.values()) else None

    def by_record(self, session: OpenSession) -> CleanupRequest:
        """Return the cleanup of an open session as the ledger has it: the same as if its seal had been shown."""
        seal = Sealed(session.session_id, session.system_id, session.login_id, b"", session.credential, session.origin)
        return self.by_seal(seal)

    def by_seal(self, sealed: Sealed, *, global_cache: bool = False) -> CleanupRequest:
        """Return the cleanup of a seal. A login that it holds has to be ended, whatever today's profile is."""
        no_login = NO_LOGIN if self.end_system.ends_sessions else NOTHING_TO_END
        current = self.current(sealed)
        return CleanupRequest(
            sealed.session_id,
            sealed.system_id,
            global_cache,
            current.credential or Credential(),
            login_id=sealed.login_id,
            origin=sealed.origin,
            foregone=None if sealed.has_login else no_login,
            version=current.version,
        )
