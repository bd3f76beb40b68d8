"""The ledger of a server that is down: its file, or the database that it shares with others."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from connector.cli.control_client import NothingHere, ServerDown
from connector.config.settings import LedgerSection
from connector.config.variables import KEYS_VARIABLE
from connector.ledger.keyring import Keyring
from connector.ledger.sql.at_rest import LedgerAtRest
from connector.model.audit import Note
from connector.preflight.keyfile import load_keyring
from connector.preflight.ledger_store import ledger_address, ledger_file
from connector.runtime.file_access import is_there


@contextmanager
def ledger_at_rest(ledger: LedgerSection, down: ServerDown, tell: Callable[[str], None]) -> Iterator[LedgerAtRest]:
    """Open the ledger so that it can only be read, and tell which it is.

    Raises:
        NothingHere: there is no ledger, or no key to read it with.
        ConfigurationError: the ledger cannot be read.
    """
    if ledger.store == "sqlite":
        from connector.ledger.sqlite.reading import opened_read_only as file_opened
        from connector.ledger.sqlite.recovery import is_half_done

        if not (is_there(ledger.path) or is_half_done(ledger.path)):
            raise NothingHere(f"{down}, and there is no ledger at {ledger.path}")
        keyring = _keyring(ledger, down)
        tell(f"{down}; reading the ledger's file, {ledger.path}")
        with file_opened(ledger.path, keyring) as table:
            yield LedgerAtRest(table)
    else:
        address = ledger_address(ledger, os.environ)
        from connector.ledger.postgres.durability import durability
        from connector.ledger.postgres.looking import opened_read_only as database_opened
        from connector.ledger.postgres.owners import introduced

        keyring = _keyring(ledger, down)
        tell(f"{down}; reading the ledger that it shares with others, {address}")
        with database_opened(address, keyring) as table:
            there = introduced(table.connection)
            yield LedgerAtRest(table, durability=str(durability(table.connection)), owners=there)


@contextmanager
def audit_log_at_rest(ledger: LedgerSection) -> Iterator[Note | None]:
    """Give what writes lines of the audit log; None if there is none yet. No server starts with a file meanwhile.

    Raises:
        ConfigurationError: it cannot be written.
    """
    if ledger.store == "sqlite":
        from connector.ledger.sqlite.noted_in_file import noting as into_file

        with into_file(ledger.path) as note:
            yield note
    else:
        address = ledger_address(ledger, os.environ)
        from connector.ledger.postgres.noted_in_database import noting as into_database

        with into_database(address) as note:
            yield note


def _keyring(ledger: LedgerSection, down: ServerDown) -> Keyring:
    """Return the keys, but never make any: that is for the server to do, and so is the ledger."""
    if not (os.environ.get(KEYS_VARIABLE) or is_there(ledger.key_file)):
        raise NothingHere(f"{down}, and to read its ledger there is no key, neither at {ledger.key_file} nor in {KEYS_VARIABLE}")
    return load_keyring(ledger.key_file, os.environ, ledger=ledger_file(ledger))
