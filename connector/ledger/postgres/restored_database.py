"""A ledger in a database that is restored from a backup: wholly or not at all, and read again before it counts."""

from collections.abc import Callable

import psycopg

from connector.ledger.keyring import Keyring
from connector.ledger.postgres.address import Address
from connector.ledger.postgres.arriving import copy_rows, is_empty, refusal, users
from connector.ledger.postgres.dialect import FleetTable
from connector.ledger.postgres.fitness import why_unfit
from connector.ledger.postgres.layouts import MARKER, migrate
from connector.ledger.postgres.sent_together import Statements
from connector.ledger.postgres.tables import TAKE_LOCK
from connector.ledger.postgres.trouble import told
from connector.ledger.sql.bringing_back import bring_back
from connector.ledger.sql.housekeeping import totals
from connector.ledger.sql.moving import LedgerRows
from connector.model.debts import Totals


def restore(
    address: Address, backup: LedgerRows, keyring: Keyring, *, now: float, advance: Callable[[], None]
) -> tuple[int, Totals]:
    """Make a ledger of a backup. Return how many sessions were open in it, and what the ledger counts now.

    Raises:
        ConfigurationError: the database cannot be used, replicas run, or there is a ledger that holds something.
    """
    try:
        with address.connect() as connection:
            if unfit := why_unfit(connection, marker=MARKER):
                raise refusal(address, unfit)
            migrate(connection)
            with connection.transaction():
                connection.execute(TAKE_LOCK)
                if others := users(connection):
                    raise refusal(address, others)
                if not is_empty(connection):
                    raise refusal(address, "a ledger is there already")
                copy_rows(connection, backup, advance, address)
                table = FleetTable(Statements(connection), keyring)
                return bring_back(table, now=now, advance=advance), totals(table)
    except psycopg.Error as problem:
        raise refusal(address, told(problem)) from None
