"""Seats of logins that were made while logins were not counted, or were counted otherwise."""

from collections.abc import Callable, Collection
from contextlib import suppress

from msgspec.structs import replace

from connector.ledger import begun_logins, open_sessions
from connector.ledger.begun_logins import OpeningRow
from connector.ledger.fingerprints import pools
from connector.ledger.keyring import KeyMissing
from connector.ledger.open_sessions import SessionRow
from connector.ledger.sqlite import opening_rows, session_rows
from connector.ledger.sqlite.table import Table, marks
from connector.ledger.unverified import Unverified
from connector.model.seat_pools import Seat

ORIGINS = "SELECT origin FROM sessions UNION SELECT origin FROM openings UNION SELECT origin FROM debts"
ORIGIN = "origin = CAST(? AS TEXT)"


def reseat(table: Table, pool_of: Callable[[str], str]) -> None:
    """Give what is alive, or may be, a seat of the pool of its end system. A row that is not to be believed stays as it is."""
    for (origin,) in table.connection.execute(ORIGINS).fetchall():
        digests = pools(pool_of(origin), table.keyring)
        stored = origin.encode("utf-8", "surrogateescape")  # in a row that was damaged it may be no text
        _reseat_sessions(table, stored, digests)
        _reseat_openings(table, stored, digests)
        _reseat_debts(table, stored, digests)


def _reseat_sessions(table: Table, origin: bytes, digests: Collection[bytes]) -> None:
    query = f"{session_rows.SELECT} WHERE {ORIGIN} AND credential IS NOT NULL AND {_elsewhere(digests)}"
    for row in map(SessionRow._make, table.connection.execute(query, (origin, *digests)).fetchall()):
        with suppress(KeyMissing, Unverified):
            open_sessions.verify(row, table.keyring)
            _write(table, "sessions", open_sessions.authenticated(row._replace(seat=_current(digests)), table.keyring))


def _reseat_openings(table: Table, origin: bytes, digests: Collection[bytes]) -> None:
    query = f"{opening_rows.SELECT} WHERE {ORIGIN} AND {_elsewhere(digests)}"
    for row in map(OpeningRow._make, table.connection.execute(query, (origin, *digests)).fetchall()):
        with suppress(KeyMissing, Unverified):
            begun_logins.verify(row, table.keyring)
            _write(table, "openings", begun_logins.authenticated(row._replace(seat=_current(digests)), table.keyring))


def _reseat_debts(table: Table, origin: bytes, digests: Collection[bytes]) -> None:
    for debt in table.debts(f"{ORIGIN} AND (holds = 1 OR state <> 'closed') AND {_elsewhere(digests)}", origin, *digests):
        seat = replace(debt.seat, pool=_current(digests)) if debt.seat else Seat(_current(digests), table.term.tick)
        table.update(replace(debt, seat=seat))


def _write(table: Table, name: str, row: SessionRow | OpeningRow) -> None:
    table.connection.execute(f"UPDATE {name} SET seat = ?, mac = ? WHERE id = ?", (row.seat, row.mac, row.id))  # noqa: S608 - ours


def _elsewhere(digests: Collection[bytes]) -> str:
    return f"(seat IS NULL OR seat NOT IN ({marks(digests)}))"


def _current(digests: Collection[bytes]) -> bytes:
    return next(iter(digests))
