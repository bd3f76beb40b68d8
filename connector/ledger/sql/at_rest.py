"""A ledger that only looks, and changes no row: what an administrator sees while no server answers."""

import sys
from collections.abc import Collection, Sequence

from connector.ledger.port import ShownAudit, ShownDebts, ShownKeys, ShownSessions
from connector.ledger.sql import audit_rows, held, housekeeping, selection, session_listing, ticks
from connector.ledger.sql.selection import Claimed
from connector.ledger.sql.table import Table
from connector.model.audit import AuditEntry
from connector.model.debts import Debt, LogoutState, Totals
from connector.model.listed import EVERY, ListedSession, Wanted


class LedgerAtRest(ShownDebts, ShownSessions, ShownKeys, ShownAudit):
    """Shows what the rows of a ledger are, as one transaction that only reads sees them."""

    def __init__(self, table: Table, *, durability: str | None = None, owners: Sequence[tuple[str, bytes | None]] = ()) -> None:
        self._table = table
        self._owners = owners
        self._durability = durability

    @property
    def durability(self) -> str | None:
        return self._durability

    async def listing(
        self, *, states: Collection[LogoutState] | None = None, system: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[Debt]:
        return housekeeping.listing(self._table, states, system, after=after, limit=limit)

    async def session_listing(self, wanted: Wanted = EVERY, *, after: int = 0, limit: int = 1000) -> list[ListedSession]:
        now = ticks.read(self._table)
        return session_listing.listing(self._table, wanted, now=now, after=after, limit=limit)

    async def systems(self, limit: int) -> list[str]:
        return session_listing.systems(self._table, limit)

    async def debt(self, id_: int) -> Debt:
        return housekeeping.debt(self._table, id_)

    async def audit_entries(self, *, before: int | None = None, limit: int = 100) -> list[AuditEntry]:
        return audit_rows.listing(self._table, before=before, limit=limit)

    async def rows_by_key(self) -> dict[str, dict[str, int]]:
        return housekeeping.rows_by_key(self._table)

    async def owners(self) -> Sequence[tuple[str, bytes | None]]:
        return self._owners

    async def statistics(self) -> Totals:
        return housekeeping.totals(self._table)

    async def held_back(self) -> dict[str, int]:
        return held.held_back(self._table)

    async def next_due(self, now: float, *, per_origin: int = sys.maxsize) -> float | None:
        return selection.next_due(self._table, now, Claimed(per_origin))
