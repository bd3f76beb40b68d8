"""Looking into a ledger in a database, beside the replicas that use it: no row is changed, and nothing waits for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from connector.ledger.keyring import Keyring
from connector.ledger.postgres.address import Address
from connector.ledger.postgres.dialect import FleetTable
from connector.ledger.postgres.layouts import found_version, why_elsewhere
from connector.ledger.postgres.sent_together import Statements
from connector.ledger.postgres.tables import MIGRATIONS
from connector.ledger.postgres.trouble import refused
from connector.ledger.sql.table import Table, Term
from connector.model.errors import ConfigurationError

SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""All that is shown is of one moment."""


@contextmanager
def opened_read_only(address: Address, keyring: Keyring) -> Iterator[Table]:
    """Open the ledger for whatever only looks at its rows.

    Raises:
        ConfigurationError: there is no ledger, it cannot be read, or it is of another version.
    """
    try:
        with address.connect() as connection, connection.transaction():
            connection.execute(SNAPSHOT)
            must_be_of_today(connection, address)
            owners = tuple(bytes(id_) for (id_,) in connection.execute("SELECT id FROM owners"))
            yield FleetTable(Statements(connection), keyring, term=Term(others=owners), may_write=False)
    except psycopg.Error as problem:
        raise refused(problem, f"ledger.dsn_env: {address}: ") from None


def must_be_of_today(connection: "psycopg.Connection[Any]", address: Address) -> None:
    """Raise `ConfigurationError` if this version does not read what is there."""
    try:
        found = found_version(connection)
    except psycopg.errors.UndefinedTable:
        raise ConfigurationError([f"ledger.dsn_env: {address}: holds no ledger"]) from None
    if elsewhere := why_elsewhere(connection):
        raise ConfigurationError([f"ledger.dsn_env: {address}: {elsewhere}"])
    if not found.oldest <= len(MIGRATIONS) <= found.made:
        reads = f"this version reads {len(MIGRATIONS)}, and brings an older one to it when a server starts"
        raise ConfigurationError([f"ledger.dsn_env: {address}: has format {found.made}; {reads}"])
