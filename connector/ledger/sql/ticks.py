"""The ledger's counter: how long servers have run with it, in ticks. No clock moves it."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from connector.ledger import authentication
from connector.ledger.keyring import KeyMissing, Keyring
from connector.ledger.sql import idling, opening_rows
from connector.ledger.sql.table import Table, marks
from connector.ledger.unverified import Unverified

PURPOSE = "tick"
CounterRow = Sequence[Any]
"""The key's name, the number, and its authentication code. As long as it is not verified, each may hold anything."""


def read(table: Table) -> int:
    """Return the counter.

    If it does not verify, or is not there yet, it is the highest that a row tells which verifies: nobody becomes idle by that.
    """
    number = verified(table.connection.execute("SELECT key_id, number, mac FROM ticks"), table.keyring)
    return max(idling.latest_tick(table), opening_rows.latest_tick(table)) if number is None else number


def verified(found: Iterable[CounterRow], keyring: Keyring) -> int | None:
    """Return the counter that one of these rows tells, None if none of them verifies."""
    for key_id, number, mac in found:
        with suppress(KeyMissing, Unverified):
            authentication.verify(PURPOSE, [number], (), keyring, key_id=key_id, mac=mac)
            return int(number)
    return None


def advance(table: Table) -> int:
    """Add one to the counter, and return it."""
    return _write(table, max(table.term.tick, read(table)) + 1)


def keep(table: Table) -> None:
    """Write the counter down if it is not there yet, so that no row has to tell it."""
    if not table.connection.execute("SELECT count(*) FROM ticks").fetchone()[0]:
        _write(table, read(table))


def renew_key(table: Table) -> None:
    """Authenticate the counter with the current key if an older one of the keyring has done it, so that this one may go."""
    older = table.keyring.ids[1:]
    rows = table.connection.execute(f"SELECT number FROM ticks WHERE key_id IN ({marks(older)})", older)  # noqa: S608 - question marks
    if older and rows.fetchall():
        number = read(table)
        code = authentication.code(PURPOSE, [number], (), table.keyring, table.keyring.current)
        table.connection.execute("UPDATE ticks SET key_id = ?, number = ?, mac = ?", (table.keyring.current, number, code))


def _write(table: Table, number: int) -> int:
    code = authentication.code(PURPOSE, [number], (), table.keyring, table.keyring.current)
    table.write("DELETE FROM ticks")
    table.write("INSERT INTO ticks (key_id, number, mac) VALUES (?, ?, ?)", (table.keyring.current, number, code))
    return number
