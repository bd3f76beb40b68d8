"""The named operations of the ledger, each one transaction."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from secrets import token_hex
from typing import Protocol, TypeVar, cast

import structlog

from connector.ledger.port import Ledger
from connector.ledger.sql import (
    audit_rows,
    held,
    housekeeping,
    initializing,
    late_seats,
    opening_rows,
    recording,
    seat_holders,
    session_changes,
    session_listing,
    session_rows,
)
from connector.ledger.sql.idling import Idle, idle
from connector.ledger.sql.initializing import ToBegin, ToOpen
from connector.ledger.sql.table import Table
from connector.model.audit import AuditEntry
from connector.model.begun import Opening, Recorded
from connector.model.cleanup import CleanupRequest, Missed
from connector.model.credential import Credential
from connector.model.debts import Debt, Group, LogoutState, Sorted, Totals
from connector.model.errors import LedgerUnavailable
from connector.model.listed import EVERY, ListedSession, Wanted
from connector.model.outcomes import LogoutOutcome
from connector.model.seat_pools import HeldSeats, Pool
from connector.model.sessions import Current, Known, Login, OpenSession, Renewal, Replaced, Use
from connector.model.settling import Settlement
from connector.model.transitions import Asked
from drivers.group_commit import one_by_one

Item = TypeVar("Item")
T = TypeVar("T")
log = structlog.get_logger(__name__)


class Transactions(Protocol):
    """Where the transactions of a ledger are made."""

    def together(self, do: Callable[[Table, Sequence[Item]], Sequence[T]]) -> Callable[[Item], Awaitable[T]]:
        """Return a function that runs `do` with an item, together with all others that wait.

        It returns the item's outcome once that is durable, or raises `LedgerUnavailable`.
        """
        ...

    async def keep_reserve(self) -> None:
        """Raise `LedgerUnavailable` if there is no room to record more, so that what is recorded can be settled."""
        ...

    async def relieve(self) -> None:
        """Make room for what is recorded already, if a settlement has failed."""
        ...


class Operations(Ledger):
    """What a ledger does that is open. How its owners claim debts and refreshes, and count ticks, is the store's own."""

    def __init__(self, transactions: Transactions, *, grace: float, clock: Callable[[], float]) -> None:
        self._transactions = transactions
        self._record = transactions.together(recording.record)
        self._settle = transactions.together(recording.settle)
        self._initialize = transactions.together(initializing.initialize)
        self._open_by = transactions.together(session_rows.open_by)
        self._login_now = transactions.together(session_rows.logins_now)
        self._transact = transactions.together(one_by_one)
        self._grace = grace
        self._clock = clock
        self.lost_track = False
        self._unsettled = 0
        """Tries that have ended a login, and whose end could not be recorded."""

    @property
    def clock(self) -> Callable[[], float]:
        return self._clock

    async def transact(self, work: Callable[[Table], T]) -> T:
        """Run `work` in a transaction and return its result once that is durable."""
        return cast("T", await self._transact(work))

    async def between_transactions(self, work: Callable[[], None]) -> None:
        await self.transact(lambda _: work())

    def _quarantined(self, debt: Debt) -> None:
        self.lost_track = True
        message = (
            "a row of the ledger does not verify: it is in quarantine, and the cache is invalidated; see `connector owed show`"
        )
        log.error(message, debt=debt.id, reason=debt.unusable)

    async def record(
        self, request: CleanupRequest, *, origin: str, drivers: Sequence[str], logins: Collection[str] | None = None
    ) -> Debt:
        await self._transactions.keep_reserve()
        now = self._clock()
        return await self._record(Asked(request, origin, drivers, now, now + self._grace, logins))

    async def record_late(self, missed: Missed) -> None:
        await self._transactions.keep_reserve()
        now = self._clock()
        await self.transact(lambda table: recording.record_late(table, missed, now=now))

    async def end_login(self, session: OpenSession, *, being_tried: bool = False) -> Debt | None:
        now = self._clock()
        due_at = now + self._grace if being_tried else now
        return await self.transact(lambda table: session_changes.end_login(table, session, now=now, due_at=due_at))

    async def forget(self, debt: Debt) -> bool:
        return await self.transact(lambda table: recording.forget(table, debt))

    async def begin_opening(self, opening: Opening, *, seats: int | None = None) -> bool:
        await self._transactions.keep_reserve()
        return cast("bool", await self._initialize(ToBegin(opening, seats)))

    async def opening_failed(self, opening: Opening) -> None:
        await self.transact(lambda table: opening_rows.remove(table, opening.session_id, opening.login_id))

    async def opening_unanswered(self, opening: Opening) -> None:
        await self.transact(lambda table: opening_rows.unanswered(table, opening))

    async def let_go_opening(self, login_id: str) -> None:
        await self.transact(lambda table: opening_rows.let_go(table, login_id))

    async def seat_uncounted(self, pool_of: Callable[[str], str]) -> None:
        await self.transact(partial(late_seats.seat_uncounted, pool_of=pool_of))

    async def held_seats(self, pool: str) -> HeldSeats:
        return await self.transact(lambda table: seat_holders.held(table, pool))

    async def holds_seat(self, pool: str, session_id: str) -> bool:
        return await self.transact(lambda table: seat_holders.has_seat(table, pool, session_id))

    async def pools(self) -> list[Pool]:
        return await self.transact(seat_holders.shown_pools)

    async def idle_holders(self, pool: str, *, unused_since: int, limit: int) -> list[OpenSession]:
        return await self.transact(lambda table: seat_holders.idle_holders(table, pool, unused_since, limit))

    async def idle(
        self, *, unused_since: int | None, opened_since: int | None, unanswered_since: int | None, limit: int
    ) -> list[OpenSession]:
        wanted = Idle(unused_since, opened_since, unanswered_since)
        return await self.transact(partial(idle, wanted=wanted, limit=limit))

    async def let_go_unknown(self, made_before: int) -> list[Opening]:
        def let_go(table: Table) -> list[Opening]:
            seat_holders.give_back(table, made_before)
            return opening_rows.let_go_unknown(table, made_before)

        return await self.transact(let_go)

    async def open_session(self, session: OpenSession, replaced: Replaced | None, *, drivers: Sequence[str]) -> Recorded:
        return cast("Recorded", await self._initialize(ToOpen(session, replaced, drivers, self._clock())))

    async def known_sessions(self) -> Known:
        return await self.transact(lambda table: replace(session_rows.known(table), unknown=opening_rows.counted(table)[1]))

    async def is_closed(self, session_id: str, login_id: str, credential: Credential | None) -> bool:
        return await self.transact(lambda table: session_changes.is_debt(table, session_id, login_id, credential))

    async def owed_of(self, session_id: str) -> list[Debt]:
        return await self.transact(lambda table: table.debts("session_id = ? AND state <> 'closed' ORDER BY id", session_id))

    async def owes_evictions(self, session_id: str) -> bool:
        return await self.transact(partial(session_changes.owes_evictions, session_id=session_id))

    async def open_by(self, session_id: str, login_id: str) -> OpenSession | None:
        return await self._open_by((session_id, login_id))

    async def login_now(self, session_id: str) -> str | None:
        return await self._login_now(session_id)

    async def changed_logins(self, known: Mapping[Login, int]) -> dict[Login, int | None]:
        return await self.transact(partial(session_rows.changed_logins, known=known)) if known else {}

    async def renew(self, renewal: Renewal) -> Current | None:
        now = self._clock()
        return await self.transact(lambda table: session_changes.renew(table, renewal, now=now))

    async def note_use(self, used: Mapping[str, Use]) -> None:
        await self.transact(partial(session_rows.note_use, used=used))

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
        now = self._clock()
        settlement = Settlement(debt, state, outcome, due_at, waited, evicted, now, releases=release)
        is_recorded = False
        try:
            done = await self._settled(settlement)
            is_recorded = True
            return done
        finally:
            self._unsettled += not is_recorded and outcome is not None and outcome.closes

    async def _settled(self, settlement: Settlement) -> Debt | None:
        try:
            return await self._settle(settlement)
        except LedgerUnavailable:
            await self._transactions.relieve()
            return await self._settle(settlement)

    async def owed_evictions(self, driver: str | None, *, after: int = 0, limit: int = 1000) -> list[Debt]:
        return await self.transact(lambda table: housekeeping.owed_evictions(table, driver, after=after, limit=limit))

    async def listing(
        self, *, states: Collection[LogoutState] | None = None, system: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[Debt]:
        return await self.transact(lambda table: housekeeping.listing(table, states, system, after=after, limit=limit))

    async def session_listing(self, wanted: Wanted = EVERY, *, after: int = 0, limit: int = 1000) -> list[ListedSession]:
        return await self.transact(
            lambda table: session_listing.listing(table, wanted, now=table.term.tick, after=after, limit=limit)
        )

    async def systems(self, limit: int) -> list[str]:
        return await self.transact(lambda table: session_listing.systems(table, limit))

    async def debt(self, id_: int) -> Debt:
        return await self.transact(lambda table: housekeeping.debt(table, id_))

    async def make_due(self, id_: int, *, here: str | None = None) -> Debt:
        return await self.transact(lambda table: recording.make_due(table, id_, now=self._clock(), here=here))

    async def actionable(self, id_: int) -> Debt:
        return await self.transact(partial(recording.actionable, id_=id_))

    async def groups(self) -> list[Group]:
        return await self.transact(held.groups)

    async def one_of(self, group: Group) -> list[Debt]:
        return await self.transact(partial(held.one_of, group=group))

    async def next_of(self, group: Group, *, after: int) -> list[Debt]:
        return await self.transact(partial(held.next_of, group=group, after=after))

    async def sort(self, changed: Sequence[Sorted]) -> None:
        now = self._clock()
        await self.transact(partial(recording.sort, changed=changed, now=now))

    async def held_back(self) -> dict[str, int]:
        return await self.transact(held.held_back)

    async def dismiss(self, id_: int, reason: str) -> None:
        await self.transact(lambda table: recording.dismiss(table, id_, reason, now=self._clock()))

    async def note_action(self, entry: AuditEntry) -> None:
        if entry.outcome is None:
            await self._transactions.keep_reserve()
        await self.transact(lambda table: audit_rows.note(table, entry))

    async def audit_entries(self, *, before: int | None = None, limit: int = 100) -> list[AuditEntry]:
        return await self.transact(lambda table: audit_rows.listing(table, before=before, limit=limit))

    async def rows_by_key(self) -> dict[str, dict[str, int]]:
        return await self.transact(housekeeping.rows_by_key)

    async def statistics(self) -> Totals:
        return replace(await self.transact(housekeeping.totals), maybe_twice=self._unsettled)

    async def serve_from(self, authority: str, *, starts: bool = True) -> None:
        self.lost_track |= await self.transact(partial(housekeeping.serve_from, authority=authority, starts=starts))

    async def lose_track(self, reason: str) -> None:
        await self.transact(partial(housekeeping.lose_track, reason=f"{reason}, {token_hex(8)}"))
        self.lost_track = True

    async def losses(self) -> Collection[str]:
        return await self.transact(housekeeping.losses)

    async def track_regained(self, losses: Collection[str]) -> None:
        self.lost_track = await self.transact(partial(housekeeping.regain_track, losses=losses))
