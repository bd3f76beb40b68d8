"""A ledger that moves into a file: under its name the file is whole from the start."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

from connector.ledger.sql.moving import COLUMNS, NUMBERED, Digest, LeavingLedger
from connector.ledger.sql.table import marks
from connector.ledger.sqlite.opening import refusals
from connector.ledger.sqlite.recovery import COMPANIONS
from connector.ledger.sqlite.schema import migrate
from connector.model.errors import ConfigurationError
from connector.runtime.file_access import is_there
from connector.runtime.ownership import synced_folder
from drivers.folders import make_private_folder


def move_in(path: Path, source: AbstractContextManager[LeavingLedger], advance: Callable[[], None]) -> None:
    """Move a ledger into a new file. `advance` is called for each row.

    The source is marked once all is written and read again, and before the file has its name. A move that was broken off is begun
    again by another call.

    Raises:
        ConfigurationError: there is a file, it cannot be made, or the source cannot move.
    """
    made = path.with_name(f"{path.name}.moving")
    with refusals(path):
        if is_there(path):
            raise ConfigurationError([f"ledger.path: {path}: is there already; expected no file"])
        make_private_folder(path.parent)
        for name in COMPANIONS:
            made.with_name(made.name + name).unlink(missing_ok=True)
        os.close(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with source as leaving:
            with closing(sqlite3.connect(made, isolation_level=None)) as connection:
                _fill(connection, leaving, advance)
            leaving.mark(str(path.absolute()))
        made.replace(path)
        synced_folder(path.parent)


def _fill(connection: sqlite3.Connection, source: LeavingLedger, advance: Callable[[], None]) -> None:
    connection.execute("PRAGMA synchronous = FULL")
    migrate(connection)
    connection.execute("BEGIN IMMEDIATE")
    for table, columns in COLUMNS.items():
        _copy_table(connection, source, table, columns, advance)
    for table in NUMBERED:
        _count_on(connection, table, source.last_id(table))
    connection.execute("DELETE FROM identity")
    connection.executemany("INSERT INTO identity VALUES (?)", [(id_,) for id_ in source.ids])
    connection.execute("COMMIT")


def _copy_table(
    connection: sqlite3.Connection, source: LeavingLedger, table: str, columns: tuple[str, ...], advance: Callable[[], None]
) -> None:
    written, names = Digest(), ", ".join(columns)
    insert = f"INSERT INTO {table} ({names}) VALUES ({marks(columns)})"  # noqa: S608 - names of our own
    connection.executemany(insert, written.noted(source.rows(table), advance))
    found = connection.execute(f"SELECT {names} FROM {table} ORDER BY 1")  # noqa: S608 - names of our own
    if Digest().of(found) != written.value:
        raise ConfigurationError([f"ledger.path: what was read again from {table} is not what was written: nothing has moved"])


def _count_on(connection: sqlite3.Connection, table: str, last_id: int) -> None:
    """Give no id again that a row had, where the file keeps count."""
    known = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
    if known is None and table != "openings":
        connection.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (table, last_id))
    connection.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (last_id, table))
