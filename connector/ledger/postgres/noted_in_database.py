"""Lines of the audit log, written into a ledger's database beside the replicas that use it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg

from connector.ledger.postgres.address import Address
from connector.ledger.postgres.arriving import Connection
from connector.ledger.postgres.layouts import MARKER
from connector.ledger.postgres.looking import must_be_of_today
from connector.ledger.postgres.sent_together import Statements
from connector.ledger.postgres.tables import TAKE_LOCK
from connector.ledger.postgres.trouble import refused
from connector.ledger.sql.audit_rows import note_at_rest
from connector.model.audit import AuditEntry, Note

IS_THERE = "SELECT to_regclass(%s) IS NOT NULL"


@contextmanager
def noting(address: Address) -> Iterator[Note | None]:
    """Give what writes lines; None if the database holds no ledger yet.

    Raises:
        ConfigurationError: it cannot be written, or its ledger has moved or is of another version.
    """
    try:
        with address.connect() as connection:
            if not _holds_a_ledger(connection):
                yield None
                return
            must_be_of_today(connection, address)
            yield partial(_note, connection, address)
    except psycopg.Error as problem:
        raise refused(problem, f"ledger.dsn_env: {address}: ") from None


def _holds_a_ledger(connection: Connection) -> bool:
    [(is_there,)] = connection.execute(IS_THERE, [MARKER]).fetchall()
    return bool(is_there)


def _note(connection: Connection, address: Address, entry: AuditEntry) -> None:
    with connection.transaction():
        connection.execute(TAKE_LOCK)
        must_be_of_today(connection, address)  # it may have moved since the command has begun
        note_at_rest(Statements(connection), entry)
