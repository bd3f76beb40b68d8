"""An owner of a ledger in memory: what it claims, shows, and has done by hand."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace as with_changes
from secrets import token_hex

from msgspec.structs import replace

from connector.ledger.port import (
    AuditLog,
    DismissedDebts,
    DueDebts,
    HeldBackDebts,
    OwedEvictionRecords,
    ShownDebts,
    ShownSessions,
    UnknownOpenings,
)
from connector.ledger.testing.memory_listing import fits, listed
from connector.ledger.testing.memory_store import Claim, MemoryStore
from connector.ledger.texts import clean
from connector.model.audit import AuditEntry
from connector.model.debts import Debt, Group, LogoutState, Sorted, Totals
from connector.model.errors import LedgerUnavailable, NoSuchDebt, NoSuchOpening
from connector.model.listed import EVERY, ListedSession, Wanted
from connector.model.outcomes import LogoutResult
from connector.model.settling import FURTHEST
from connector.model.transitions import dismissed, due_at_once, held_or_let_go

NOBODY_KNOWS = "nobody knows what"
"""The authority that is none: which one it was is not known any more."""

SLICE = 200
"""Debts that `next_of` returns at a time."""


class Owner(DueDebts, OwedEvictionRecords, HeldBackDebts, DismissedDebts, UnknownOpenings, ShownSessions, ShownDebts, AuditLog):
    """Whoever works with a store. Nothing here waits, so each call is one transaction, and no cancellation divides it."""

    shared: bool

    def __init__(self, store: MemoryStore, clock: Callable[[], float] = time.time) -> None:
        self.lost_track = bool(store.losses)
        self._store = store
        self._clock = clock
        self._turn = ""
        self._is_open = False

    @property
    def clock(self) -> Callable[[], float]:
        """As in `Ledger`."""
        return self._clock

    @contextmanager
    def _transaction(self) -> Iterator[MemoryStore]:
        if not self._is_open:
            raise LedgerUnavailable("the ledger in memory is closed")
        yield self._store
        self.lost_track |= bool(self._store.losses)

    async def claim_due(self, now: float, *, per_origin: int, limit: int) -> list[Debt]:
        with self._transaction() as store:
            store.is_there(self, now)
            due = [(debt, room) for debt, room in store.unclaimed(per_origin) if _is_due(debt, now)]
            found: list[Debt] = []
            for origin in sorted({debt.origin for debt, _ in due}, key=lambda origin: (origin <= self._turn, origin)):
                longest_first = sorted((each for each in due if each[0].origin == origin), key=lambda each: each[0].due_at)
                found += [debt for debt, room in longest_first[: longest_first[0][1]]]
            self._turn = found[:limit][-1].origin if found[:limit] else ""
            store.claims |= {debt.id: Claim(self, debt.origin, {debt.revision}) for debt in found[:limit]}
            return found[:limit]

    async def claim(self, debt: Debt) -> bool:
        with self._transaction() as store:
            return _stands(store, debt) and (not self.shared or store.try_at_once(self, debt))

    async def release(self, debt: Debt) -> None:
        with self._transaction() as store:
            store.release(self, debt)

    async def may_send(self, debt: Debt, *, retried: bool) -> bool:
        with self._transaction() as store:
            if not (self.shared or retried):
                return True
            return _stands(store, debt) and (not self.shared or store.has_claimed(self, debt))

    async def next_due(self, now: float, *, per_origin: int = sys.maxsize) -> float | None:
        with self._transaction() as store:
            waiting = [debt for debt, _ in store.unclaimed(per_origin)]
            return min((now if debt.due_at > now + FURTHEST else debt.due_at for debt in waiting), default=None)

    async def serve_from(self, authority: str, *, starts: bool = True) -> None:
        with self._transaction() as store:
            if store.authority == NOBODY_KNOWS and not starts:
                return
            if store.authority != authority and not (store.authority is None and store.is_new):
                store.losses.add(f"{store.authority} was the authority, {token_hex(8)}")
            store.authority = authority

    async def lose_track(self, reason: str) -> None:
        with self._transaction() as store:
            store.losses.add(f"{reason}, {token_hex(8)}")
            store.authority = NOBODY_KNOWS

    async def owed_evictions(self, driver: str | None, *, after: int = 0, limit: int = 1000) -> list[Debt]:
        def owes(debt: Debt) -> bool:
            return bool(debt.evictions) if driver is None else driver in debt.evictions

        with self._transaction() as store:
            return [*map(_shown, store.read(lambda debt: owes(debt) and debt.id > after))][:limit]

    async def losses(self) -> Collection[str]:
        with self._transaction() as store:
            return [*store.losses]

    async def track_regained(self, losses: Collection[str]) -> None:
        with self._transaction() as store:
            store.losses -= {*losses}
        self.lost_track = bool(self._store.losses)

    async def actionable(self, id_: int) -> Debt:
        with self._transaction() as store:
            return _actionable(store, id_)

    async def make_due(self, id_: int, *, here: str | None = None) -> Debt:
        with self._transaction() as store:
            return store.update(due_at_once(_actionable(store, id_), self._clock(), here=here))

    async def groups(self) -> list[Group]:
        with self._transaction() as store:
            sizes = Counter((debt.state, debt.origin) for debt in store.read(_is_sorted))
            return [Group(state, origin, size) for (state, origin), size in sizes.items()]

    async def one_of(self, group: Group) -> list[Debt]:
        return (await self.next_of(group, after=0))[:1]

    async def next_of(self, group: Group, *, after: int) -> list[Debt]:
        with self._transaction() as store:
            found = store.read(lambda debt: debt.id > after and _is_sorted(debt))
            return [debt for debt in found if (debt.state, debt.origin) == (group.state, group.origin)][:SLICE]

    async def sort(self, changed: Sequence[Sorted]) -> None:
        with self._transaction() as store:
            held = {each.debt.id: each for each in changed}
            for debt in store.read(lambda debt: debt.id in held and debt == held[debt.id].debt):
                store.update(held_or_let_go(debt, held[debt.id].held, self._clock()))

    async def held_back(self) -> dict[str, int]:
        return {group.origin: group.size for group in await self.groups() if group.state is LogoutState.WAITING}

    async def listing(
        self, *, states: Collection[LogoutState] | None = None, system: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[Debt]:
        with self._transaction() as store:
            rows = store.read(lambda debt: debt.closed_at is None if states is None else debt.state in states)
            if states is None or LogoutState.WAITING in states:
                rows += store.quarantine.values()
            chosen = (debt for debt in rows if debt.id > after and system in {None, debt.system_id})
            return [*map(_shown, sorted(chosen, key=lambda debt: debt.id))][:limit]

    async def note_action(self, entry: AuditEntry) -> None:
        with self._transaction() as store:
            kept = store.audit.get(entry.word)
            outcome = entry.outcome or (kept.outcome if kept else None)
            id_ = kept.id if kept else 1 + max((each.id for each in store.audit.values()), default=0)
            store.audit[entry.word] = with_changes(entry, id=id_, outcome=outcome)

    async def audit_entries(self, *, before: int | None = None, limit: int = 100) -> list[AuditEntry]:
        with self._transaction() as store:
            newest_first = reversed(store.audit.values())
            return [each for each in newest_first if before is None or each.id < before][:limit]

    async def systems(self, limit: int) -> list[str]:
        with self._transaction() as store:
            return sorted({session.system_id for session in store.sessions.values() if session.system_id is not None})[:limit]

    async def session_listing(self, wanted: Wanted = EVERY, *, after: int = 0, limit: int = 1000) -> list[ListedSession]:
        with self._transaction() as store:
            return [each for each in listed(store) if each.place > after and fits(each, wanted)][:limit]

    async def debt(self, id_: int) -> Debt:
        with self._transaction() as store:
            for debt in [*store.read(lambda debt: debt.id == id_), *store.quarantine.values()]:
                if debt.id == id_:
                    return _shown(debt)
            raise NoSuchDebt(f"nothing in the ledger has the id {id_}")

    async def dismiss(self, id_: int, reason: str) -> None:
        with self._transaction() as store:
            if not store.quarantine.pop(id_, None):
                store.update(dismissed(_actionable(store, id_), clean(reason), self._clock()))

    async def let_go_opening(self, login_id: str) -> None:
        with self._transaction() as store:
            for key, begun in [*store.openings.items()]:
                if key[1] == login_id and begun.owner is None:
                    del store.openings[key]
                    return
            raise NoSuchOpening("no login has this id of which nobody knows what it has made")

    async def statistics(self) -> Totals:
        with self._transaction() as store:
            rows = [*store.debts.values()]
            owing = [debt for debt in rows if debt.closed_at is None]
            return Totals(
                owed=sum(debt.state is LogoutState.OWED for debt in owing),
                waiting=sum(debt.state is LogoutState.WAITING for debt in owing),
                closed=len(rows) - len(owing),
                evictions=sum(bool(debt.evictions) for debt in rows),
                quarantined=len(store.quarantine),
                unreadable=0,
                maybe_twice=store.freed_tries[self],
                oldest=min((debt.recorded_at for debt in owing), default=None),
                sessions=len(store.sessions),
                openings=sum(begun.owner is not None and not begun.is_refresh for begun in store.openings.values()),
                unknown=sum(map(store.is_unknown, store.openings.values())),
            )


def _shown(debt: Debt) -> Debt:
    return replace(debt, credential=None)


def _is_due(debt: Debt, now: float) -> bool:
    return debt.due_at <= now or debt.due_at > now + FURTHEST


def _is_sorted(debt: Debt) -> bool:
    """Tell whether today's end system decides if the debt is held back."""
    held = debt.outcome is not None and debt.outcome.result is LogoutResult.HELD
    return debt.state is LogoutState.OWED or (debt.state is LogoutState.WAITING and held)


def _actionable(store: MemoryStore, id_: int) -> Debt:
    for debt in store.read(lambda debt: debt.id == id_):
        if debt.state is LogoutState.CLOSED:
            raise NoSuchDebt(f"the logout {id_} is closed")
        return debt
    raise NoSuchDebt(f"nothing that could be acted upon has the id {id_}")


def _stands(store: MemoryStore, debt: Debt) -> bool:
    """Tell whether a logout stands as it was read: nothing has ended it, and no credential is newer."""
    now = store.debts.get(debt.id)
    return now is not None and now.state is not LogoutState.CLOSED and now.version == debt.version
