"""What is left of a damaged ledger: the file is moved aside, whole, and every row that verifies is saved into a new one."""

import os
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import structlog

from connector.ledger.keyring import Keyring
from connector.ledger.rows import Row
from connector.ledger.sqlite.salvage import AUDIT, DEBTS, OPENINGS, SESSIONS, sound_rows
from connector.ledger.sqlite.schema import migrate
from connector.runtime.file_access import followed, is_there
from connector.runtime.ownership import synced_folder

log = structlog.get_logger(__name__)

COMPANIONS = ("", "-wal", "-shm", "-journal")
"""What SQLite adds to the name of the file for the files that belong to it."""
KINDS = {kind.insert: kind for kind in (DEBTS, SESSIONS, OPENINGS, AUDIT)}
"""What is saved, by the statement that inserts it."""


Saved = Mapping[str, Iterable[Row]]
"""Rows to be inserted, by the statement for it."""


def build(path: Path, saved: Saved = MappingProxyType({}), *, lost_track: str | None = None) -> int:
    """Make a ledger of these rows; under its name it is whole from the start. Returns how many rows it has."""
    unfinished = _with(path, ".unfinished")
    for name in COMPANIONS:
        _with(unfinished, name).unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    number = _fill(unfinished, saved, lost_track)
    _put_in_place(unfinished, path)
    return number


def recover(path: Path, keyring: Keyring, damage: str, *, now: float) -> None:
    """Replace a damaged ledger by a new one with every row that verifies, or whose key is missing; move the old one aside.

    A process that is killed in between does it again, or finishes it, at the next start.
    """
    saved = {statement: sound_rows(path, keyring, kind) for statement, kind in KINDS.items()}
    number = build(saved_to(path), saved, lost_track=f"the file was damaged: {damage}")
    aside = take_place(path, now=now)
    log.error(
        "THE LEDGER WAS DAMAGED: what verified was saved, some logouts may be lost, and everything cached is invalidated",
        damage=damage,
        moved_to=str(aside),
        saved=number,
    )


def begin_beside_leftovers(path: Path, *, now: float) -> None:
    """Begin a new ledger where only the companions of one are, and move these aside: SQLite would write their pages into it.

    A process that is killed in between does it again, or finishes it, at the next start.
    """
    build(saved_to(path), lost_track="the file was gone, and others that belong to it were there")
    aside = take_place(path, now=now)
    log.error(
        "THE LEDGER'S FILE WAS GONE, AND OTHERS THAT BELONG TO IT WERE THERE: they are moved aside, a new ledger is begun, and"
        " everything cached is invalidated; put the file back, or restore a backup",
        moved_to=str(aside),
    )


def take_place(path: Path, *, now: float, why: str = "corrupt") -> Path:
    """Put the ledger that is saved in the place of the one that is there. Return where that is now.

    A process that is killed in between is finished by the next start.
    """
    aside = _move_aside(path, now, why)
    _put_in_place(saved_to(path), path)
    return aside


def finish_interrupted(path: Path, *, now: float) -> None:
    """Finish what a process that was killed has begun: the old file is gone from its place and the new one is not yet there."""
    if is_half_done(path):
        take_place(path, now=now)


def is_half_done(path: Path) -> bool:
    """Tell whether a process was killed after it had moved the old file away, and before the new one had its place."""
    return not is_there(path) and is_there(saved_to(path))


def files_there(path: Path) -> list[Path]:
    """Return the files of a ledger that are there. Without the first of them, another one is the work of SQLite or of a start."""
    return [file for file in (*(_with(path, name) for name in COMPANIONS), saved_to(path)) if is_there(file)]


def _fill(path: Path, saved: Saved, lost_track: str | None) -> int:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection)
        connection.execute("BEGIN IMMEDIATE")
        number = sum(_inserted(connection, statement, row) for statement, rows in saved.items() for row in rows)
        if lost_track is not None:
            connection.execute("INSERT INTO lost_track VALUES (?)", (lost_track,))
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
    return number


def _inserted(connection: sqlite3.Connection, statement: str, row: Row) -> bool:
    """Insert a row; one whose key is missing may hold anything, even what the table does not take."""
    try:
        connection.execute(statement, row)
    except (sqlite3.IntegrityError, UnicodeEncodeError):
        return False
    return True


def _put_in_place(made: Path, path: Path) -> None:
    made.replace(path)
    synced_folder(path.parent)


def _move_aside(path: Path, now: float, why: str) -> Path:
    """Rename the file and its companions, the file first: as long as it has its name, nothing has happened."""
    aside = _unused(path.with_name(f"{path.name}.{why}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"))
    for name in COMPANIONS:
        if is_there(_with(path, name)):
            _with(path, name).rename(_with(aside, name))
    synced_folder(path.parent)
    return aside


def _unused(path: Path) -> Path:
    number = 1
    candidate = path
    while any(is_there(_with(candidate, name)) for name in COMPANIONS):
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate


def saved_to(path: Path) -> Path:
    """Return where the rows of a damaged ledger are saved to, until that file takes its place. No link counts."""
    return _with(followed(path), ".saved")


def _with(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)
