"""A ledger that moves into a file: under its name the file is whole from the start."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from connector.ledger.sql.audit_rows import note_at_rest
from connector.ledger.sql.moving import COLUMNS, LOSE_TRACK, NUMBERED, Digest, LeavingLedger, LedgerRows
from connector.ledger.sql.table import marks
from connector.ledger.sqlite.lock import Lock
from connector.ledger.sqlite.opening import refusals
from connector.ledger.sqlite.recovery import COMPANIONS, files_there
from connector.ledger.sqlite.schema import migrate
from connector.model.audit import AuditEntry, ended
from connector.model.errors import ConfigurationError
from connector.runtime.file_access import followed
from connector.runtime.ownership import synced_folder
from drivers.folders import make_private_folder


def move_in(
    path: Path,
    source: AbstractContextManager[LeavingLedger],
    entry: AuditEntry,
    progress: Callable[[int], AbstractContextManager[Callable[[], None]]],
) -> None:
    """Move a ledger into a new file, and write a line of its audit log.

    `progress` is told how many rows there are. What it gives is called for each.

    The next start invalidates everything cached. The source is marked once all is written and read again, and before the file has
    its name. A move that was broken off is begun again by another call.

    Raises:
        ConfigurationError: there is one, another process makes it or uses it, it cannot be made, or the source cannot move.
    """
    target, path = str(path.absolute()), followed(path)  # a link to the file stays
    lock = Lock(path)
    with refusals(path):
        make_private_folder(path.parent)
        lock.acquire()
        try:
            if there := ", ".join(map(str, files_there(path))):
                raise ConfigurationError([f"ledger.path: {path}: is there already; expected no file: {there}"])
            with source as leaving, progress(leaving.size()) as advance:
                _move(path, leaving, ended(entry, f"moved to {target}"), advance)
                leaving.mark(target)
            _made(path).replace(path)
            synced_folder(path.parent)
        finally:
            lock.release()


def _move(path: Path, leaving: LeavingLedger, entry: AuditEntry, advance: Callable[[], None]) -> None:
    """Make the file that is to get the name."""
    begin_anew(_made(path))
    with closing(sqlite3.connect(_made(path), isolation_level=None)) as connection, filled(connection, leaving, advance):
        connection.execute(LOSE_TRACK)
        note_at_rest(connection, entry)


def _made(path: Path) -> Path:
    return path.with_name(f"{path.name}.moving")


def begin_anew(path: Path) -> None:
    """Make an empty file that only its owner may read, in the place of one that was left unfinished. Raises `OSError`."""
    discard(path)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def discard(path: Path) -> None:
    """Remove a file that nobody uses, and what SQLite has put beside it."""
    for name in COMPANIONS:
        path.with_name(path.name + name).unlink(missing_ok=True)


@contextmanager
def filled(connection: sqlite3.Connection, source: LedgerRows, advance: Callable[[], None]) -> Iterator[None]:
    """Write what is in a ledger into an empty file, and read it again. It is kept when the context ends, and not if that raises.

    Raises:
        ConfigurationError: what was read again is not what was written.
    """
    connection.execute("PRAGMA synchronous = FULL")
    migrate(connection)
    connection.execute("BEGIN IMMEDIATE")
    for table, columns in COLUMNS.items():
        _copy_table(connection, source, table, columns, advance)
    for table in NUMBERED:
        _count_on(connection, table, source.last_id(table))
    connection.execute("DELETE FROM identity")
    connection.executemany("INSERT INTO identity VALUES (?)", [(id_,) for id_ in source.ids])
    yield
    connection.execute("COMMIT")


def _copy_table(
    connection: sqlite3.Connection, source: LedgerRows, table: str, columns: tuple[str, ...], advance: Callable[[], None]
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
