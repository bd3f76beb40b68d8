"""What the replicas of a fleet share beside rows: claims of debts and refreshes, and the one counter of ticks."""

import asyncio
import sys
from collections.abc import Callable, Collection, Hashable, Mapping
from dataclasses import replace
from functools import partial

from connector.ledger.keyring import Keyring
from connector.ledger.postgres import held_claims, owners
from connector.ledger.postgres.address import Address
from connector.ledger.postgres.held_claims import InHand
from connector.ledger.postgres.standstill import Standstill
from connector.ledger.postgres.transactions import FleetTransactions
from connector.ledger.sql import session_changes, ticks
from connector.ledger.sql.operations import Operations
from connector.ledger.sql.table import Table
from connector.model.debts import Debt, Totals
from connector.model.sessions import Current, RefreshClaim, RefreshState, Renewal


class Replica(Operations):
    """What a ledger does, in a database that is open."""

    def __init__(
        self, address: Address, keyring: Keyring, *, grace: float, clock: Callable[[], float], standstill: Standstill
    ) -> None:
        self._fleet = FleetTransactions(address, keyring, standstill, self._quarantined, self._lose_track)
        super().__init__(self._fleet, grace=grace, clock=clock)
        self._debts: dict[int, str] = {}
        """The debts that this replica was given, by id, with their origins."""
        self._refreshes: set[tuple[str, str]] = set()
        """The refreshes that it asks for, or has claimed."""
        self._claiming = asyncio.Lock()
        self._turn = ""
        """The origin that was looked at last, so that each has its turn."""
        self._counted: tuple[int, ...] = ()
        """What the last two ticks of this replica have returned."""

    async def statistics(self) -> Totals:
        return replace(await super().statistics(), rewinds=self._fleet.history.rewinds)

    async def tick(self) -> int:
        number = await self.transact(partial(_tick, counted=self._counted))
        self._counted = (*self._counted[-1:], number)
        return number

    async def renew(self, renewal: Renewal) -> Current | None:
        now = self._clock()

        def work(table: Table) -> Current | None:
            found = session_changes.renew(table, renewal, now=now)
            is_overtaken = found is not None and found.is_open and found.credential != renewal.credential
            if renewal.ends_refresh and not is_overtaken:
                held_claims.release_refresh(table, renewal.session_id, renewal.login_id)
            return found

        return await self.transact(work)

    async def claim_refresh(self, session_id: str, login_id: str, version: int) -> RefreshClaim:
        login = session_id, login_id
        self._refreshes.add(login)
        is_ours = False
        try:
            claim = await self.transact(lambda table: held_claims.claim_refresh(table, session_id, login_id, version))
            is_ours = claim.state is RefreshState.OURS
            return claim
        finally:
            if not is_ours:
                self._refreshes.discard(login)

    async def release_refresh(self, session_id: str, login_id: str) -> None:
        self._refreshes.discard((session_id, login_id))
        await self.transact(lambda table: held_claims.release_refresh(table, session_id, login_id))

    async def claim_due(self, now: float, *, per_origin: int, limit: int) -> list[Debt]:
        async with self._claiming:
            claim = partial(held_claims.claim_due, per_origin=per_origin, limit=limit, after=self._turn)
            in_hand = self._in_hand()
            found = await self.transact(lambda table: claim(table, now, in_hand))
            self._turn = found[-1].origin if found else ""
            self._debts |= {debt.id: debt.origin for debt in found}
            return found

    async def release(self, debt: Debt) -> None:
        self._debts.pop(debt.id, None)
        await self.transact(lambda table: held_claims.release(table, debt.id))

    async def next_due(self, now: float, *, per_origin: int = sys.maxsize) -> float | None:
        in_hand = self._in_hand()
        return await self.transact(lambda table: held_claims.next_due(table, now, in_hand, per_origin=per_origin))

    async def introduce(self, about: bytes | None) -> Collection[bytes]:
        return await self.transact(partial(owners.introduce, about=about))

    def has_looked(self) -> None:
        self._fleet.has_looked()

    async def looks(self) -> Mapping[Hashable, int]:
        return await self.transact(lambda table: table.term.looks)

    def _lose_track(self) -> None:
        self.lost_track = True

    def _in_hand(self) -> InHand:
        """Return copies: the transaction looks at them in another thread."""
        return InHand({**self._debts}, {*self._refreshes})


def _tick(table: Table, counted: tuple[int, ...]) -> int:
    """Advance the counter, unless another replica does it. It stood still for two ticks of this one if that one is stuck."""
    counts = next((each["owner"] for each in table.named("SELECT owner FROM ticks")), None)
    another = counts is not None and bytes(counts) in table.term.others
    if another and counted != (table.term.tick,) * 2:
        return table.term.tick
    number = ticks.advance(table)
    table.connection.execute("UPDATE ticks SET owner = ?", (table.term.owner,))
    return number
