"""Before the ledger is used: the file is ours and sound, of today's layout, or made new, or saved from what is left of it."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from connector.ledger.keyring import Keyring
from connector.ledger.sqlite.inspection import connected, damage_of
from connector.ledger.sqlite.recovery import (
    begin_beside_leftovers,
    build,
    files_there,
    finish_interrupted,
    is_half_done,
    recover,
    saved_to,
)
from connector.ledger.sqlite.schema import migrate
from connector.model.errors import ConfigurationError, RefusedForNow
from connector.runtime.file_access import is_there, why_not
from connector.runtime.ownership import HAS_MODES
from drivers.folders import make_private_folder

log = structlog.get_logger(__name__)

NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
PASSING = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL}
"""Codes of SQLite, without what tells kinds of one error apart."""


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Turn what keeps the file from being used into a `ConfigurationError` that says so, a `RefusedForNow` if that may pass."""
    try:
        yield
    except OSError as problem:
        kind = RefusedForNow if problem.errno in NO_ROOM else ConfigurationError
        raise kind([f"ledger.path: {path}: {why_not(problem, path)}"]) from problem
    except sqlite3.Error as problem:
        kind = RefusedForNow if getattr(problem, "sqlite_errorcode", 0) & 0xFF in PASSING else ConfigurationError
        raise kind([f"ledger.path: {path}: {problem}"]) from problem


def must_be_there(path: Path) -> None:
    """Raise `ConfigurationError` if there is no ledger, or none before a start has finished what was broken off."""
    if is_half_done(path):
        told = f"a restore, or the repair of a damaged file, was broken off; a server that starts finishes it: {saved_to(path)}"
        raise ConfigurationError([f"ledger.path: {path}: {told}"])
    if not is_there(path):
        raise ConfigurationError([f"ledger.path: {path}: there is no ledger"])


def make_ready(path: Path, keyring: Keyring, *, now: float) -> None:
    """Leave a sound ledger of today's layout at `path`, whatever was there, or raise. To be called under the ledger's lock."""
    finish_interrupted(path, now=now)
    if not files_there(path):
        build(path)
        log.info("no ledger was there: a new one is begun", path=str(path))
    elif not is_there(path):
        begin_beside_leftovers(path, now=now)
    must_be_ours(path)
    if damage := damage_of(path):
        recover(path, keyring, damage, now=now)
    connection = connected(path, "rw")
    try:
        connection.execute("PRAGMA synchronous = FULL")
        migrate(connection)
        connection.execute("PRAGMA journal_mode = WAL")  # a copy made by VACUUM INTO has another
    finally:
        connection.close()


def claim_folder(path: Path) -> None:
    """Make the folder of the ledger if it is missing; its owner alone may enter. Raises `OSError`."""
    make_private_folder(path.parent)


def must_be_ours(path: Path) -> None:
    """Refuse a file that is somebody else's or that cannot be written; one that is ours is made nobody else's to read."""
    if HAS_MODES and path.stat().st_uid != os.geteuid():
        raise ConfigurationError(
            [f"ledger.path: {path}: belongs to the user with the id {path.stat().st_uid}; expected {os.geteuid()}, who runs this"]
        )
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise ConfigurationError([f"ledger.path: {path}: the file, or its folder, is read-only"])
    path.chmod(0o600)
