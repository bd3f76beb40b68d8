"""A ledger for a process that is never killed."""

from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace

from connector.ledger.port import CleanupRecords, KnownSessions, OwedEvictionRecords
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import LogoutOutcome
from connector.model.sessions import Known


class RememberingLedger(CleanupRecords, OwedEvictionRecords, KnownSessions):
    """Keeps what is owed in memory: what the real one does with a file and threads, which no simulated loop has.

    No session is opened, and no debt is ever lost.
    """

    def __init__(self) -> None:
        self.lost_track = False
        self._debts: dict[str, Debt] = {}

    async def record(
        self, request: CleanupRequest, *, origin: str, drivers: Sequence[str], logins: Collection[str] | None = None
    ) -> Debt:
        old = self._debts.get(request.session_id)
        owed = {driver: {*request.scopes, *(old.evictions.get(driver, ()) if old else ())} for driver in drivers}
        debt = Debt(
            id=old.id if old else len(self._debts) + 1,
            session_id=request.session_id,
            system_id=request.system_id,
            origin=origin,
            fingerprint=b"",
            revision=old.revision + 1 if old else 1,
            evictions={driver: tuple(sorted(scopes, key=repr)) for driver, scopes in owed.items()},
            credential=request.credential,
        )
        self._debts[request.session_id] = debt
        return debt

    async def settle(
        self,
        debt: Debt,
        *,
        state: LogoutState | None,
        outcome: LogoutOutcome | None = None,
        due_at: float | None = None,
        waited: float | None = None,
        evicted: Collection[str] = (),
    ) -> Debt | None:
        present = self._debts[debt.session_id]
        if present.revision == debt.revision:
            left = {driver: scopes for driver, scopes in present.evictions.items() if driver not in evicted}
            present = self._debts[debt.session_id] = replace(present, evictions=left, outcome=outcome or present.outcome)
        return present

    async def owed_evictions(self, driver: str, *, after: int = 0, limit: int = 1000) -> list[Debt]:
        owing = [debt for debt in self._debts.values() if driver in debt.evictions and debt.id > after]
        return sorted(owing, key=lambda debt: debt.id)[:limit]

    async def track_regained(self) -> None:
        self.lost_track = False

    async def known_sessions(self) -> Known:
        return Known(b"simulated", {}, {}, {}, keyless=0, damaged=0)

    async def is_closed(self, session_id: str, login_id: str, credential: Credential | None) -> bool:
        return (debt := self._debts.get(session_id)) is not None and (debt.login_id, debt.credential) == (login_id, credential)

    async def origin_of(self, session_id: str, login_id: str) -> str | None:
        return None

    async def note_use(self, used: Mapping[str, float]) -> None:
        return None
