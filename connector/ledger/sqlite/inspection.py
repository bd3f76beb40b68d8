"""A ledger's file looked at before it is used: is it one, of which version, and is it sound."""

import sqlite3
from pathlib import Path

from connector.ledger.sql.moving import MOVED
from connector.ledger.sqlite.schema import MIGRATIONS, expected_layout, is_backup, is_ledger, layout, version
from connector.ledger.unverified import lenient_text
from connector.model.errors import ConfigurationError
from drivers.sqlite_file import is_damage

UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What a damaged file makes `sqlite3` raise. The second comes if damaged text is part of the message."""


def damage_of(path: Path) -> str | None:
    """Say what is wrong with the content of the file, or None. Writes nothing.

    Raises:
        ConfigurationError: the file was moved, or made by a newer version or by another program.
        sqlite3.Error: it cannot be read.
    """
    connection = connected(path, "ro")
    try:
        return _damage(connection, path)
    except UNREADABLE as problem:
        if isinstance(problem, UnicodeDecodeError) or is_damage(problem):
            return str(problem)
        raise
    finally:
        connection.close()


def moved_to(connection: sqlite3.Connection) -> str | None:
    """Return where a ledger has gone that was moved; None if it is here."""
    if not is_ledger(connection) or version(connection) <= MOVED:
        return None
    return str(connection.execute("SELECT target FROM moved").fetchone()[0])


def connected(path: Path, mode: str) -> sqlite3.Connection:
    """Open the file without making it; `mode` is `ro` or `rw`."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None)
    connection.text_factory = lenient_text
    return connection


def _damage(connection: sqlite3.Connection, path: Path) -> str | None:
    found = version(connection)
    if is_backup(connection):
        raise ConfigurationError([f"ledger.path: {path}: is a backup; `connector restore` makes a ledger of it"])
    if not is_ledger(connection) and layout(connection):
        raise ConfigurationError([f"ledger.path: {path}: is no ledger, but a database of another program"])
    if target := moved_to(connection):
        raise ConfigurationError([f'ledger.path: {path}: was moved to {target}; expected ledger.store = "postgres"'])
    if found > len(MIGRATIONS):
        raise ConfigurationError([f"ledger.path: {path}: has format {found}; this version reads up to {len(MIGRATIONS)}"])
    if not is_ledger(connection) or found < 1 or layout(connection) != expected_layout(MIGRATIONS[:found]):
        return "its layout is not that of a ledger"
    answer = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    return None if answer == "ok" else answer
