"""A ledger in a database that is restored from a backup: wholly or not at all, and read again before it counts."""

from collections.abc import Callable, Iterable

from connector.ledger.begun_logins import OpeningRow
from connector.ledger.keyring import Keyring
from connector.ledger.open_sessions import SessionRow
from connector.ledger.postgres.address import Address
from connector.ledger.postgres.arriving import Connection, copy_rows, ids, is_empty, only_one, read, refusal, users
from connector.ledger.postgres.dialect import FleetTable
from connector.ledger.postgres.sent_together import Statements
from connector.ledger.rows import DebtRow
from connector.ledger.sql.audit_rows import AuditRow
from connector.ledger.sql.bringing_back import Restored, bring_back
from connector.ledger.sql.moving import COLUMNS, LedgerRows, Row
from connector.ledger.sql.replaced import Present
from connector.model.audit import AuditEntry

OF_REPLICAS = ("claims", "refreshes", "introductions")
"""Tables that tell what replicas do, of which none is there."""


def restore(
    address: Address,
    backup: LedgerRows,
    keyring: Keyring,
    entry: AuditEntry,
    advance: Callable[[], None],
    *,
    replace: bool = False,
) -> Restored:
    """Make a ledger of a backup, and write a line of its audit log. `advance` is called for each row and each open session.

    With `replace`, it takes the place of what the tables hold. What that owes is owed, too.

    Raises:
        ConfigurationError: the database cannot be used, replicas run, there is a ledger that is not to be replaced, or one that
            cannot be read as a whole.
    """
    with only_one(address) as connection:
        _must_be_free(connection, address, replace=replace)
        present = _present(connection)
        copy_rows(connection, backup, advance, address)
        table = FleetTable(Statements(connection), keyring)
        restored = bring_back(table, present=present, entry=entry, advance=advance)
        if restored.unread:
            raise refusal(address, _unread(restored.unread))
        return restored


def _must_be_free(connection: Connection, address: Address, *, replace: bool) -> None:
    if others := users(connection):
        raise refusal(address, others)
    if not (replace or is_empty(connection)):
        raise refusal(address, "a ledger is there already; --replace takes its place")


def _present(connection: Connection) -> Present:
    """Return what the tables hold, and forget what replicas did that are gone."""
    for table in OF_REPLICAS:
        connection.execute(f"DELETE FROM {table}".encode())  # noqa: S608 - names of our own
    return Present(
        [*map(DebtRow._make, _rows(connection, "debts"))],
        [*map(SessionRow._make, _rows(connection, "sessions"))],
        [*map(OpeningRow._make, _rows(connection, "openings"))],
        [*map(AuditRow._make, _rows(connection, "audit"))],
        ids(connection),
        [*_rows(connection, "ticks")],
    )


def _rows(connection: Connection, table: str) -> Iterable[Row]:
    return read(connection, table, COLUMNS[table])


def _unread(number: int) -> str:
    hint = "back this ledger up, and restore into another database"
    return f"{number} rows of the ledger that is there do not verify, and nobody would know of them any more: {hint}"
