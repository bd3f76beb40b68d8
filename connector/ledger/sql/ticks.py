"""The ledger's counter: how long servers have run with it, in ticks. No clock moves it."""

from connector.ledger import authentication
from connector.ledger.keyring import KeyMissing
from connector.ledger.sql import idling, opening_rows
from connector.ledger.sql.table import Table
from connector.ledger.unverified import Unverified

PURPOSE = "tick"


def read(table: Table) -> int:
    """Return the counter.

    If it does not verify, or is not there yet, it is the highest that a row tells which verifies: nobody becomes idle by that.
    """
    for row in table.named("SELECT key_id, number, mac FROM ticks"):
        try:
            authentication.verify(PURPOSE, [row["number"]], (), table.keyring, key_id=row["key_id"], mac=row["mac"])
        except (KeyMissing, Unverified):
            continue
        return int(row["number"])
    return max(idling.latest_tick(table), opening_rows.latest_tick(table))


def advance(table: Table) -> int:
    """Add one to the counter, and return it."""
    number = max(table.term.tick, read(table)) + 1
    code = authentication.code(PURPOSE, [number], (), table.keyring, table.keyring.current)
    table.connection.execute("DELETE FROM ticks")
    table.connection.execute("INSERT INTO ticks VALUES (?, ?, ?)", (table.keyring.current, number, code))
    return number
