"""Looking into a ledger that no server has open: nothing is locked, and no row is changed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.errors import ConfigurationError
from connector.ledger.debts import Debt, LogoutState
from connector.ledger.housekeeping import listing
from connector.ledger.inspection import connected, damage_of
from connector.ledger.keyring import Keyring
from connector.ledger.opening import refusals
from connector.ledger.table import Table


def read_only(path: Path, keyring: Keyring) -> list[Debt]:
    """Return all debts without their credentials, ordered by id; those that are not to be believed are marked as unusable.

    Raises:
        ConfigurationError: as `opened_read_only`.
    """
    with opened_read_only(path, keyring) as table:
        return listing(table, (*LogoutState,), None, after=0, limit=sys.maxsize)


@contextmanager
def opened_read_only(path: Path, keyring: Keyring) -> Iterator[Table]:
    """Open the ledger for whatever only looks at its rows.

    Raises:
        ConfigurationError: there is no ledger, it cannot be read, it is damaged, or of a newer version.
    """
    if not path.exists():
        raise ConfigurationError([f"ledger.path: {path}: there is no ledger"])
    with refusals(path):
        if damage := damage_of(path):
            raise ConfigurationError([f"ledger.path: {path}: is damaged ({damage}); the server saves what it can when it starts"])
        connection = connected(path, "ro")
        try:
            yield Table(connection, keyring, may_write=False)
        finally:
            connection.close()
