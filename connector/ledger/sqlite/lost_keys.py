"""What is in a ledger whose keys are gone: looked at before new keys are made, which would open none of it."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from connector.ledger.sqlite.inspection import UNREADABLE, connected
from connector.ledger.sqlite.recovery import saved_to
from connector.ledger.sqlite.schema import is_ledger, version
from connector.runtime.file_access import is_there

DEBTS = "SELECT count(*) FROM debts WHERE closed_at IS NULL"
SESSIONS = "SELECT count(*) FROM sessions"
KNOWS_SESSIONS = 2
"""The version of the layout from which on there are sessions."""


def needs_keys(ledger: Path) -> str | None:
    """Say what the ledger at a path holds that only its keys can open; None if there is nothing. Raises `OSError`."""
    for path in (ledger, saved_to(ledger)) if ledger.name else ():
        if is_there(path) and not stat.S_ISDIR(path.stat().st_mode) and (held := _held(path)):
            return held
    return None


def _held(path: Path) -> str | None:
    try:
        with closing(connected(path, "ro")) as connection:
            return _counted(connection) if is_ledger(connection) else None
    except UNREADABLE:
        return "what cannot be counted, because the file cannot be read"


def _counted(connection: sqlite3.Connection) -> str | None:
    sessions = _count(connection, SESSIONS) if version(connection) >= KNOWS_SESSIONS else 0
    debts = _count(connection, DEBTS)
    return f"{sessions} open sessions and {debts} debts" if sessions or debts else None


def _count(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
