"""A ledger's file that is restored from a backup: under its name it is whole from the start."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from connector.ledger.keyring import Keyring
from connector.ledger.sql.bringing_back import bring_back
from connector.ledger.sql.housekeeping import totals
from connector.ledger.sql.moving import LedgerRows
from connector.ledger.sqlite.file_table import FileTable
from connector.ledger.sqlite.lock import Lock
from connector.ledger.sqlite.moving_in import begin_anew, discard, filled
from connector.ledger.sqlite.opening import refusals
from connector.ledger.sqlite.recovery import COMPANIONS, saved_to
from connector.model.debts import Totals
from connector.model.errors import ConfigurationError
from connector.runtime.file_access import is_there
from connector.runtime.ownership import synced_folder
from drivers.folders import make_private_folder


def restore(path: Path, backup: LedgerRows, keyring: Keyring, *, now: float, advance: Callable[[], None]) -> tuple[int, Totals]:
    """Make a ledger of a backup. Return how many sessions were open in it, and what the ledger counts now.

    Raises:
        ConfigurationError: a server runs, there is a ledger, or it cannot be made.
    """
    lock = Lock(path)
    with refusals(path):
        make_private_folder(path.parent)
        lock.acquire()
        try:
            _must_be_new(path)
            return _restored(path, backup, keyring, now, advance)
        finally:
            lock.release()


def _restored(path: Path, backup: LedgerRows, keyring: Keyring, now: float, advance: Callable[[], None]) -> tuple[int, Totals]:
    made = path.with_name(f"{path.name}.restoring")
    try:
        begin_anew(made)
        with closing(sqlite3.connect(made, isolation_level=None)) as connection, filled(connection, backup, advance):
            table = FileTable(connection, keyring)
            ended = bring_back(table, now=now, advance=advance)
            counted = totals(table)
        made.replace(path)
        synced_folder(path.parent)
    finally:
        discard(made)
    return ended, counted


def _must_be_new(path: Path) -> None:
    there = [file for file in (*(path.with_name(path.name + name) for name in COMPANIONS), saved_to(path)) if is_there(file)]
    if there:
        names = ", ".join(map(str, there))
        raise ConfigurationError([f"ledger.path: {path}: a ledger is there already ({names})"])
