"""What a cleanup has to end, from what its caller has asked for. Nothing is looked up outside, and nothing is changed."""

from collections.abc import Callable, Iterable

from msgspec import Struct

from connector.endsystems.end_system import EndSystem
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.outcomes import NO_LOGIN, NOTHING_TO_END, UNKNOWN_LOGIN, LogoutOutcome
from connector.model.sessions import Current, OpenSession
from connector.sessions.seal import Sealed


class Planner(Struct, frozen=True):
    """Plans cleanups. A seal says what has to be ended; without one, the caller's headers do."""

    end_system: EndSystem
    current: Callable[[Sealed], Current]
    """Returns the newest credential of a seal's login that is known here."""

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

        `sealed` is what the caller's seal holds, as `Admission.of` returns it. Of the `headers` of the call, only those are read
        that the end system needs for a logout.
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
