"""A ledger's file that is restored from a backup: under its name it is whole from the start."""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from connector.ledger.begun_logins import OpeningRow
from connector.ledger.keyring import Keyring
from connector.ledger.open_sessions import SessionRow
from connector.ledger.rows import DebtRow
from connector.ledger.sql.audit_rows import AuditRow
from connector.ledger.sql.bringing_back import Restored, bring_back
from connector.ledger.sql.moving import LedgerRows, Row
from connector.ledger.sql.replaced import Present
from connector.ledger.sqlite.file_table import FileTable
from connector.ledger.sqlite.inspection import UNREADABLE, connected, damage_of
from connector.ledger.sqlite.lock import Lock
from connector.ledger.sqlite.moving_in import begin_anew, discard, filled
from connector.ledger.sqlite.opening import refusals
from connector.ledger.sqlite.recovery import files_there, finish_interrupted, saved_to, take_place
from connector.ledger.sqlite.salvage import AUDIT, DEBTS, OPENINGS, SESSIONS, sound_rows
from connector.model.audit import AuditEntry
from connector.model.errors import ConfigurationError
from connector.runtime.file_access import followed, is_there
from connector.runtime.ownership import synced_folder
from drivers.folders import make_private_folder

KINDS = (DEBTS, SESSIONS, OPENINGS, AUDIT)
COUNT = "SELECT count(*) FROM {}"


def restore(
    path: Path,
    backup: LedgerRows,
    keyring: Keyring,
    entry: AuditEntry,
    advance: Callable[[], None],
    *,
    replace: bool = False,
    last_moment: Callable[[], None] = lambda: None,
) -> Restored:
    """Make a ledger of a backup, and write a line of its audit log. `advance` is called for each row and each open session.

    With `replace`, it takes the place of the one that is there, which is moved aside. What that one owes is owed, too.
    `last_moment` is called before it does so: whoever breaks it off from then on has the ledger restored by the next start.

    Raises:
        ConfigurationError: a server runs, there is a ledger that is not to be replaced, or it cannot be made.
    """
    path = followed(path)  # a link to the file stays
    lock = Lock(path)
    with refusals(path):
        make_private_folder(path.parent)
        lock.acquire()
        try:
            there = ", ".join(map(str, files_there(path)))
            if there and not replace:
                raise ConfigurationError([f"ledger.path: {path}: a ledger is there already: {there}; --replace moves it aside"])
            present = _present(path, keyring, entry.at)
            restored = _made(path, partial(bring_back, present=present, entry=entry), backup, keyring, advance)
            last_moment()
            take_place(path, now=restored.at, why="replaced")
            return restored
        finally:
            lock.release()


def _made(
    path: Path, bring: Callable[..., Restored], backup: LedgerRows, keyring: Keyring, advance: Callable[[], None]
) -> Restored:
    """Make the file that is to take the place of the one that is there."""
    made = path.with_name(f"{path.name}.restoring")
    try:
        begin_anew(made)
        with closing(sqlite3.connect(made, isolation_level=None)) as connection, filled(connection, backup, advance):
            restored = bring(FileTable(connection, keyring), advance=advance)
        made.replace(saved_to(path))
        synced_folder(path.parent)
    finally:
        discard(made)
    return restored


def _present(path: Path, keyring: Keyring, now: float) -> Present:
    """Return what can be read of the ledger that is there.

    Raises:
        ConfigurationError: it is no ledger, has moved, or is of a newer version.
    """
    finish_interrupted(path, now=now)
    if not is_there(path):
        return Present()
    damage_of(path)  # what is damaged is no reason to keep it
    rows = [row for kind in KINDS for row in sound_rows(path, keyring, kind)]
    ids, counter = _readable(path, "SELECT id FROM identity"), _readable(path, "SELECT key_id, number, mac FROM ticks")
    number = sum(count for kind in KINDS for (count,) in _readable(path, COUNT.format(kind.table)))
    return Present(
        [row for row in rows if isinstance(row, DebtRow)],
        [row for row in rows if isinstance(row, SessionRow)],
        [row for row in rows if isinstance(row, OpeningRow)],
        [row for row in rows if isinstance(row, AuditRow)],
        [bytes(id_) for (id_,) in ids],
        counter,
        damaged=max(0, number - len(rows)),
    )


def _readable(path: Path, query: str) -> list[Row]:
    """Return what a query finds, as far as the file can be read; one of an older version may lack the table."""
    with closing(connected(path, "ro")) as connection, suppress(*UNREADABLE):
        return connection.execute(query).fetchall()
    return []
