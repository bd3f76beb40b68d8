"""What holds the seats of a pool, counted by indices; nothing is verified for it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import islice
from typing import Any

from connector.ledger.fingerprints import pools
from connector.ledger.sql.idling import unused_of
from connector.ledger.sql.session_rows import has_sharers
from connector.ledger.sql.table import Table, is_running, marks
from connector.ledger.unverified import shown
from connector.model.debts import LogoutState
from connector.model.seat_pools import HeldSeats, Pool
from connector.model.sessions import OpenSession
from connector.model.transitions import given_back

HOLDERS = """
SELECT seat, min(origin) AS origin, 'openings' AS what, count(*) AS number FROM openings WHERE {of} AND {runs} GROUP BY seat
UNION ALL SELECT seat, min(origin), 'unknown', count(*) FROM openings WHERE {of} AND NOT {runs} GROUP BY seat
UNION ALL SELECT seat, min(origin), 'sessions', count(DISTINCT share) + count(*) - count(share)
    FROM sessions WHERE {of} GROUP BY seat
UNION ALL SELECT seat, min(origin), state, count(*) FROM debts WHERE {of} AND holds = 1 GROUP BY seat, state"""
"""The columns `seat`, `what` (a field of `HeldSeats`, or a debt's state) and how many. A login that is shared counts once."""
ROWS = """
SELECT (SELECT count(*) FROM openings WHERE {of}) + (SELECT count(*) FROM sessions WHERE {of})
    + (SELECT count(*) FROM debts WHERE {of} AND holds = 1)"""
"""How many rows hold seats: no fewer than seats are held, because sessions may share a login. No open session is read for it."""
OWN = """
SELECT EXISTS (SELECT 1 FROM sessions WHERE {of}) OR EXISTS (SELECT 1 FROM debts WHERE {of} AND holds = 1 AND state = 'owed')"""
BY_A_DEBT = {LogoutState.OWED: "owed", LogoutState.WAITING: "waiting", LogoutState.CLOSED: "unproved"}
"""The fields of `HeldSeats` for the states of a debt that holds a seat."""
SHOWN = 8
"""Characters that a person is shown of a pool's digest."""


def held(table: Table, pool: str) -> HeldSeats:
    """Return what holds the seats of a pool."""
    digests, owners = pools(pool, table.keyring), table.term.owners
    query = HOLDERS.format(of=f"seat IN ({marks(digests)})", runs=is_running(table))
    return _counted([*table.named(query, *digests, *owners, *digests, *owners, *digests, *digests)])


def has_room(table: Table, pool: str, seats: int) -> bool:
    """Tell whether fewer than so many seats of a pool are held."""
    digests = pools(pool, table.keyring)
    query = ROWS.format(of=f"seat IN ({marks(digests)})")
    (rows,) = table.connection.execute(query, (*digests, *digests, *digests)).fetchone()
    return rows < seats or held(table, pool).total < seats


def has_seat(table: Table, pool: str, session_id: str) -> bool:
    """Tell whether a session is open by a login of the pool, or owes the logout of one."""
    digests = pools(pool, table.keyring)
    query = OWN.format(of=f"session_id = ? AND seat IN ({marks(digests)})")
    return bool(table.connection.execute(query, (session_id, *digests, session_id, *digests)).fetchone()[0])


def shown_pools(table: Table) -> list[Pool]:
    """Return the pools of which seats are held. One whose logins were made under several keys shows as several."""
    found = defaultdict[bytes, list[Mapping[str, Any]]](list)
    for row in table.named(HOLDERS.format(of="seat IS NOT NULL", runs=is_running(table)), *table.term.owners * 2):
        found[row["seat"]].append(row)
    return [Pool(seat.hex()[:SHOWN], shown(rows[0]["origin"]) or "", _counted(rows)) for seat, rows in sorted(found.items())]


def idle_holders(table: Table, pool: str, unused_since: int, limit: int) -> list[OpenSession]:
    """Return sessions that hold seats and were not used after a tick, the longest unused first.

    One whose login another session has as well is left out, because nothing would be won by its end.
    """
    idle = unused_of(table, pools(pool, table.keyring), unused_since)
    return [*islice((session for session in idle if not has_sharers(table, session)), limit)]


def give_back(table: Table, made_before: int) -> None:
    """Give back the seats of logouts that are not done, or not proved to be, if their logins were made before a tick.

    Those that the retries will do keep theirs.
    """
    for debt in table.debts("holds = 1 AND state <> 'owed' AND made_tick < ?", made_before):
        table.update(given_back(debt))


def _counted(rows: Sequence[Mapping[str, Any]]) -> HeldSeats:
    numbers = Counter[str]()
    for row in rows:
        numbers[BY_A_DEBT.get(row["what"], row["what"])] += row["number"]
    return HeldSeats(**{field.name: numbers[field.name] for field in fields(HeldSeats)})
