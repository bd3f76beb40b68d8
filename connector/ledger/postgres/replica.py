"""What the replicas of a fleet share beside rows: claims of debts and refreshes, and the one counter of ticks."""

import sys
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import TypeVar, cast

from connector.ledger.keyring import Keyring
from connector.ledger.postgres import certainty, held_claims, owners
from connector.ledger.postgres.address import Address
from connector.ledger.postgres.certainty import FoundCurrent, FoundOpen
from connector.ledger.postgres.database_clock import DatabaseClock
from connector.ledger.postgres.dialect import FleetTable
from connector.ledger.postgres.in_hand import InHand, Receiver
from connector.ledger.postgres.standstill import Standstill
from connector.ledger.postgres.transactions import FleetTransactions
from connector.ledger.sql import ticks
from connector.ledger.sql.operations import Operations
from connector.model.cleanup import CleanupRequest
from connector.model.debts import Debt, LogoutState, Totals
from connector.model.errors import LedgerUnavailable
from connector.model.outcomes import LogoutOutcome
from connector.model.sessions import Current, Login, OpenSession, RefreshClaim, RefreshState, Renewal
from connector.model.transitions import Asked
from drivers.group_commit import one_by_one

T = TypeVar("T")
NOT_ALL_WRITTEN = "its database has failed over, and not all replicas have written again what they know"


class Replica(Operations):
    """What a ledger does, in a database that is open."""

    def __init__(self, address: Address, keyring: Keyring, *, clock: DatabaseClock, standstill: Standstill) -> None:
        self._in_hand = InHand()
        self._fleet = FleetTransactions(
            address,
            keyring,
            standstill,
            clock=clock,
            quarantined=self._quarantined,
            lost_track=self._lose_track,
            claim_again=partial(held_claims.put_right, in_hand=self._in_hand),
        )
        super().__init__(self._fleet, grace=0.0, clock=clock)
        self._record_tried = self._fleet.together(partial(held_claims.record, in_hand=self._in_hand))
        self._settle = self._fleet.together(partial(held_claims.settle, in_hand=self._in_hand))
        self._may_send = self._fleet.together(partial(held_claims.may_send, in_hand=self._in_hand))
        self._found_open = self._fleet.together(certainty.open_by)
        self._in_fleet = self._fleet.together(one_by_one)
        self._turn = ""
        """The origin that was looked at last, so that each has its turn."""
        self._counted: tuple[int, ...] = ()
        """What the last two ticks of this replica have returned."""

    async def statistics(self) -> Totals:
        totals, history = await super().statistics(), self._fleet.history
        maybe_twice = totals.maybe_twice + self._fleet.freed_tries
        return replace(totals, maybe_twice=maybe_twice, rewinds=history.rewinds, gives_seats=history.gives_seats)

    async def record(
        self, request: CleanupRequest, *, origin: str, drivers: Sequence[str], logins: Collection[str] | None = None
    ) -> Debt:
        receiver, now = Receiver(), self._clock()
        asked = Asked(request, origin, drivers, now=now, due_at=now, logins=logins)
        debt = await self._given(receiver, self._record_tried((asked, receiver)))
        if debt is None:
            raise LedgerUnavailable(NOT_ALL_WRITTEN)
        return debt

    async def end_login(self, session: OpenSession, *, being_tried: bool = False) -> Debt | None:
        if not being_tried:
            return await super().end_login(session)
        receiver, now = Receiver(), self._clock()
        end = partial(held_claims.end_login, session=session, receiver=receiver, in_hand=self._in_hand, now=now)
        return await self._given(receiver, self._transact_claims(end))

    async def settle(
        self,
        debt: Debt,
        *,
        state: LogoutState | None,
        outcome: LogoutOutcome | None = None,
        due_at: float | None = None,
        waited: float | None = None,
        evicted: Collection[str] = (),
        release: bool = False,
    ) -> Debt | None:
        with self._in_hand.leaving(debt) if release else nullcontext():
            return await super().settle(
                debt, state=state, outcome=outcome, due_at=due_at, waited=waited, evicted=evicted, release=release
            )

    async def forget(self, debt: Debt) -> bool:
        is_gone = await self._transact_claims(partial(held_claims.forget, debt=debt, in_hand=self._in_hand))
        if is_gone:
            self._in_hand.back(debt)
        return is_gone

    async def open_by(self, session_id: str, login_id: str) -> OpenSession | None:
        found = await self._found_open((session_id, login_id))
        _must_be_certain(found)
        return found.session

    async def changed_logins(self, known: Mapping[Login, int]) -> dict[Login, int | None]:
        changed = await self.transact(partial(certainty.changed_logins, known=known)) if known else {}
        if changed is None:
            raise LedgerUnavailable(NOT_ALL_WRITTEN)
        return changed

    async def tick(self) -> int:
        number = await self._transact_claims(partial(_tick, counted=self._counted, in_hand=self._in_hand))
        self._counted = (*self._counted[-1:], number)
        return number

    async def renew(self, renewal: Renewal) -> Current | None:
        now = self._clock()
        if not renewal.ends_refresh:
            done = await self.transact(lambda table: certainty.renew(table, renewal, now=now))
            _must_be_certain(done)
            return done.current
        with self._in_hand.ending_refresh(renewal.session_id, renewal.login_id) as has_ended:
            found, is_over = await self.transact(lambda table: held_claims.end_refresh(table, renewal, now=now))
            _must_be_certain(found)
            if is_over:
                has_ended()
        return found.current

    async def claim_refresh(self, session_id: str, login_id: str, version: int) -> RefreshClaim:
        login, now = (session_id, login_id), self._clock()
        self._in_hand.refreshes.add(login)
        is_ours = False
        try:
            claim = await self.transact(lambda table: held_claims.claim_refresh(table, login, version, self._in_hand, now=now))
            if claim is None:
                raise LedgerUnavailable(NOT_ALL_WRITTEN)
            is_ours = claim.state is RefreshState.OURS
            if claim.current is not None:
                self._in_hand.in_doubt.discard(login)
            return claim
        finally:
            if not is_ours:
                self._in_hand.refreshes.discard(login)

    async def release_refresh(self, session_id: str, login_id: str, *, unanswered: bool = False) -> None:
        login = session_id, login_id
        self._in_hand.refreshes.discard(login)
        if unanswered:
            self._in_hand.in_doubt.add(login)
        await self.transact(lambda table: held_claims.release_refresh(table, login, unanswered=unanswered))
        self._in_hand.in_doubt.discard(login)

    async def claim_due(self, now: float, *, per_origin: int, limit: int) -> list[Debt]:
        receiver = Receiver()

        def claim(table: FleetTable) -> list[Debt]:
            bounds = {"per_origin": per_origin, "limit": limit}
            return held_claims.claim_due(table, now, self._in_hand, receiver, **bounds, after=self._turn)

        found = await self._given(receiver, self._transact_claims(claim))
        self._turn = found[-1].origin if found else ""
        return found

    async def claim(self, debt: Debt) -> bool:
        receiver = Receiver()
        return await self._given(
            receiver, self._transact_claims(partial(held_claims.claim, debt=debt, in_hand=self._in_hand, receiver=receiver))
        )

    async def release(self, debt: Debt) -> None:
        if self._in_hand.back(debt):
            await self._transact_claims(partial(held_claims.release, id_=debt.id, in_hand=self._in_hand))

    async def may_send(self, debt: Debt, *, retried: bool) -> bool:
        claimed_by = self._in_hand.owner_of(debt)
        if claimed_by is None:
            return False
        if claimed_by == self._fleet.certainly_there and not retried:
            return True
        return await self._may_send(debt)

    async def next_due(self, now: float, *, per_origin: int = sys.maxsize) -> float | None:
        return await self._transact_claims(partial(held_claims.next_due, now=now, per_origin=per_origin))

    async def _transact_claims(self, work: Callable[[FleetTable], T]) -> T:
        return cast("T", await self._in_fleet(work))

    async def _given(self, receiver: Receiver, giving: Awaitable[T]) -> T:
        """Wait for what a call is given. If its caller goes, nobody tries it."""
        try:
            return await giving
        except BaseException:
            self._in_hand.over(receiver)
            raise

    async def introduce(self, about: bytes | None) -> Collection[bytes]:
        return await self.transact(partial(owners.introduce, about=about))

    async def owners(self) -> Sequence[tuple[str, bytes | None]]:
        return await self.transact(lambda table: owners.introduced(table.connection))

    def has_looked(self) -> None:
        self._fleet.has_looked()

    async def looks(self) -> Mapping[Hashable, int]:
        return await self.transact(lambda table: table.term.looks)

    def _lose_track(self) -> None:
        self.lost_track = True


def _must_be_certain(found: FoundOpen | FoundCurrent) -> None:
    if not found.is_certain:
        raise LedgerUnavailable(NOT_ALL_WRITTEN)


def _tick(table: FleetTable, counted: tuple[int, ...], in_hand: InHand) -> int:
    """Advance the counter, unless another replica does it. It stood still for two ticks of this one if that one is stuck.

    Claims that nobody tries end: a replica that is being emptied asks for no other debts, which would do that as well.
    """
    held_claims.put_right(table, in_hand)
    counts = next((each["owner"] for each in table.named("SELECT owner FROM ticks")), None)
    another = counts is not None and bytes(counts) in table.term.others
    if another and counted != (table.term.tick,) * 2:
        return table.term.tick
    number = ticks.advance(table)
    table.connection.execute("UPDATE ticks SET owner = ?", (table.term.owner,))
    return number
