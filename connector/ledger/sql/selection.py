"""Which debts are due, fairly between origins and at a cost that does not grow with what is owed."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from connector.ledger.sql.table import Table
from connector.model.debts import Debt
from connector.model.settling import FURTHEST

OWED = "state = 'owed' AND key_id = ? AND origin = CAST(? AS TEXT)"
DUE, PARKED = (f"{OWED} AND due_at {compared} ?" for compared in ("<=", ">"))
LONGEST_FIRST = "ORDER BY due_at LIMIT ?"
NEXT_ORIGIN = "SELECT min(origin) FROM debts WHERE state = 'owed' AND key_id = ? AND origin > CAST(? AS TEXT)"
SOONEST = f"SELECT due_at FROM debts WHERE {OWED}"  # noqa: S608 - ours
LATEST = f"SELECT max(due_at) FROM debts WHERE {OWED}"  # noqa: S608 - ours


@dataclass(frozen=True, slots=True)
class Claimed:
    """What is being tried right now, and how much of it one origin may have at a time."""

    per_origin: int = sys.maxsize
    origins: Mapping[str, int] = field(default_factory=dict)
    """How many debts of an origin are being tried, as far as they take its room."""
    others: str = "true"
    """What is true of all debts that are not being tried."""
    values: Sequence[int] = ()
    """The values in it."""

    def room(self, origin: str) -> int:
        """Return how many more may be tried at this origin."""
        return self.per_origin - self.origins.get(origin, 0)


NOTHING = Claimed()


def due(table: Table, now: float, claimed: Claimed, *, limit: int, after: str) -> list[Debt]:
    """Return at most `limit` debts that are due, taking the origins in turn, those behind `after` first."""
    found: list[Debt] = []
    for origin in _origins_in_turn(table, after):
        if len(found) >= limit:
            break
        found += _due_of(table, origin, now, claimed)[: limit - len(found)]
    return found


def next_due(table: Table, now: float, claimed: Claimed = NOTHING) -> float | None:
    """Return when the next debt is due of those that nobody has claimed and whose origin has room; None if there is none."""
    origins = [origin for origin in ("", *_origins(table, "")) if claimed.room(origin) > 0]
    return min((moment for origin in origins for moment in _moments(table, origin, now, claimed)), default=None)


def still_owed(table: Table, debts: Sequence[Debt]) -> list[bool]:
    """Tell which of these logouts stand as they were read: nothing has ended them, and no credential is newer.

    Rows are not verified once more, because what is sent is what was read.
    """
    which, values = table.among([debt.id for debt in debts])
    query = f"SELECT id, version FROM debts WHERE id {which} AND state <> 'closed'"  # noqa: S608 - question marks
    versions = dict(table.connection.execute(query, values).fetchall())
    return [versions.get(debt.id) == debt.version for debt in debts]


def _origins_in_turn(table: Table, after: str) -> Iterator[str]:
    return chain(_origins(table, after), (origin for origin in ("", *_origins(table, "")) if origin <= after))


def _origins(table: Table, after: str) -> Iterator[str]:
    """Skip through the index from origin to origin, whatever the number of debts of each."""
    while True:
        bound = table.as_stored(after)
        following = [table.connection.execute(NEXT_ORIGIN, (key_id, bound)).fetchone()[0] for key_id in table.keyring.ids]
        known = [origin for origin in following if origin is not None]
        if not known:
            return
        after = min(known)
        yield after


def _due_of(table: Table, origin: str, now: float, claimed: Claimed) -> list[Debt]:
    """Return what is due at one origin, the longest due first, as far as it has room.

    A time further away than any that is ever set comes from a clock that was wrong: it counts as due.
    """
    room = claimed.room(origin)
    if room <= 0:
        return []
    rest = f"AND {claimed.others} {LONGEST_FIRST}"
    debts = [
        debt
        for key_id in table.keyring.ids
        for condition, moment in ((DUE, now), (PARKED, now + FURTHEST))
        for debt in table.debts(f"{condition} {rest}", key_id, table.as_stored(origin), moment, *claimed.values, room)
    ]
    return sorted(debts, key=lambda debt: debt.due_at)[:room]


def _moments(table: Table, origin: str, now: float, claimed: Claimed) -> Iterator[float]:
    for key_id in table.keyring.ids:
        query = f"{SOONEST} AND {claimed.others} {LONGEST_FIRST}"
        yield from (row["due_at"] for row in table.named(query, key_id, table.as_stored(origin), *claimed.values, 1))
        latest = table.connection.execute(LATEST, (key_id, table.as_stored(origin))).fetchone()[0]
        if latest is not None and latest > now + FURTHEST:
            yield now
