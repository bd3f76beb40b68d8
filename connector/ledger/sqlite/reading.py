"""Looking into a ledger that no server has open: nothing is locked, and no row is changed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from connector.ledger.keyring import Keyring
from connector.ledger.sql.table import Table
from connector.ledger.sqlite.file_table import FileTable
from connector.ledger.sqlite.inspection import connected, damage_of
from connector.ledger.sqlite.opening import must_be_there, refusals
from connector.ledger.sqlite.schema import MIGRATIONS, migrate, version
from connector.model.errors import ConfigurationError


@contextmanager
def opened_read_only(path: Path, keyring: Keyring) -> Iterator[Table]:
    """Open the ledger for whatever only looks at its rows.

    Raises:
        ConfigurationError: there is no ledger, it cannot be read, it is damaged, or of a newer version.
    """
    with refusals(path):
        must_be_there(path)
        path.open("rb").close()  # SQLite does not say why it cannot
        if damage := damage_of(path):
            raise ConfigurationError([f"ledger.path: {path}: is damaged ({damage}); the server saves what it can when it starts"])
        with closing(connected(path, "ro")) as connection, closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
            connection.execute("BEGIN")  # all that is shown is of one moment
            yield FileTable(_of_today(connection, copy), keyring, may_write=False)


def _of_today(connection: sqlite3.Connection, copy: sqlite3.Connection) -> sqlite3.Connection:
    """Return what has today's layout: the ledger itself or, if an older version wrote it, a copy of it in memory."""
    if version(connection) == len(MIGRATIONS):
        return connection
    connection.backup(copy)
    migrate(copy)
    return copy
