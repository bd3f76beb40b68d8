"""Looking at the running server through its control socket or, when it is down, at the file of its ledger."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import typer

from connector.admin.owed import shown_totals, size_of
from connector.cli.control_client import ControlClient, NothingHere, ServerDown
from connector.cli.options import chosen
from connector.config.settings import LedgerSection
from connector.config.variables import KEYS_VARIABLE
from connector.ledger.keyring import Keyring
from connector.ledger.sqlite.held import held_back
from connector.ledger.sqlite.housekeeping import totals
from connector.ledger.sqlite.reading import opened_read_only
from connector.ledger.sqlite.selection import next_due
from connector.ledger.sqlite.table import Table
from connector.preflight.keyfile import load_keyring
from connector.preflight.loading import read
from connector.runtime.file_access import is_there

T = TypeVar("T")


def seen(config: Path | None, live: Callable[[ControlClient], T], in_file: Callable[[Table, Path], T]) -> T:
    """Ask the running server, or read the ledger's file and say so on standard error.

    Raises:
        Refused: the server does not do what was asked.
        NothingHere: there is neither a server nor a ledger, or no key to read it with.
        ConfigurationError: the configuration cannot work, or the ledger cannot be read.
    """
    settings = read(chosen(config), os.environ).settings
    try:
        with ControlClient(settings.control.socket) as server:
            return live(server)
    except ServerDown as down:
        keyring, path = _keyring(settings.ledger, down), settings.ledger.path
        typer.echo(f"{down}; reading the ledger's file, {path}", err=True)
        with opened_read_only(path, keyring) as table:
            return in_file(table, path)


def figures(table: Table, path: Path) -> dict[str, Any]:
    """Say how much is owed, as the running server does."""
    next_try_at = next_due(table, time.time())
    return shown_totals(totals(table), held_back=held_back(table), next_try_at=next_try_at, size=size_of(path))


def _keyring(settings: LedgerSection, down: ServerDown) -> Keyring:
    """Return the keys, but never make any: that is for the server to do, and so is the ledger."""
    if not is_there(settings.path):
        raise NothingHere(f"{down}, and there is no ledger at {settings.path}")
    if not (os.environ.get(KEYS_VARIABLE) or is_there(settings.key_file)):
        raise NothingHere(
            f"{down}, and to read its ledger there is no key, neither at {settings.key_file} nor in {KEYS_VARIABLE}"
        )
    return load_keyring(settings.key_file, os.environ, ledger=settings.path)
