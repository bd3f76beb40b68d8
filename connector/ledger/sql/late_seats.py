"""Seats of logins that were made while nobody counted logins."""

from collections.abc import Callable
from contextlib import suppress

from msgspec.structs import replace

from connector.ledger import begun_logins, open_sessions
from connector.ledger.begun_logins import OpeningRow
from connector.ledger.fingerprints import pools
from connector.ledger.keyring import KeyMissing
from connector.ledger.open_sessions import SessionRow
from connector.ledger.sql import opening_rows, session_rows
from connector.ledger.sql.table import Table
from connector.ledger.unverified import Unverified
from connector.model.seat_pools import Seat

SESSIONS = f"{session_rows.SELECT} WHERE seat IS NULL AND credential IS NOT NULL"
OPENINGS = f"{opening_rows.SELECT} WHERE seat IS NULL AND NOT {opening_rows.IS_REFRESH}"


def seat_uncounted(table: Table, pool_of: Callable[[str], str]) -> None:
    """Give what is alive, or may be, a seat of the pool of its end system if it has none.

    A row that is not to be believed stays as it is.
    """
    for session in map(SessionRow._make, table.connection.execute(SESSIONS).fetchall()):
        with suppress(KeyMissing, Unverified):
            open_sessions.verify(session, table.keyring)
            seated = session._replace(seat=_digest(table, pool_of(session.origin)))
            _write(table, "sessions", open_sessions.authenticated(seated, table.keyring, apart=table.term.writes_use_apart))
    for opening in map(OpeningRow._make, table.connection.execute(OPENINGS).fetchall()):
        with suppress(KeyMissing, Unverified):
            begun_logins.verify(opening, table.keyring)
            begun = opening._replace(seat=_digest(table, pool_of(opening.origin)))
            _write(table, "openings", begun_logins.authenticated(begun, table.keyring))
    for debt in table.debts("seat IS NULL AND state <> 'closed'"):
        table.update(replace(debt, seat=Seat(_digest(table, pool_of(debt.origin)), table.term.tick)))


def _digest(table: Table, pool: str) -> bytes:
    return pools(pool, table.keyring)[0]


def _write(table: Table, name: str, row: SessionRow | OpeningRow) -> None:
    table.write(f"UPDATE {name} SET seat = ?, mac = ? WHERE id = ?", (row.seat, row.mac, row.id))  # noqa: S608 - ours
