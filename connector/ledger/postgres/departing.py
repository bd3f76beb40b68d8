"""A ledger that moves out of a database, which is marked so that no replica ever starts with it again."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from connector.ledger.postgres.address import Address
from connector.ledger.postgres.arriving import Connection, ids, read, refusal, users
from connector.ledger.postgres.layouts import found_version, moved_to
from connector.ledger.postgres.tables import MIGRATIONS, TAKE_LOCK
from connector.ledger.postgres.trouble import refused
from connector.ledger.sql.moving import COLUMNS, MOVED, LeavingLedger, Row
from connector.model.errors import ConfigurationError


class DepartingLedger:
    """What a database holds, in the transaction that marks it."""

    def __init__(self, connection: Connection, address: Address) -> None:
        self._connection = connection
        self._address = address

    @property
    def ids(self) -> list[bytes]:
        """The random words that seals name."""
        return ids(self._connection)

    def size(self) -> int:
        """Count all rows that move."""
        counts = (self._connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name))) for name in COLUMNS)
        return sum(number for count in counts for (number,) in count)

    def last_id(self, table: str) -> int:
        """Return the highest id that a row of a table ever had."""
        sequence = sql.Identifier("debt_ids" if table == "debts" else f"{table}_id_seq")
        query = sql.SQL("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {}").format(sequence)
        [(number,)] = self._connection.execute(query).fetchall()
        return int(number)

    def rows(self, table: str) -> Iterable[Row]:
        """Return the rows of a table, the lowest id first."""
        return read(self._connection, table, COLUMNS[table])

    def mark(self, target: str) -> None:
        """Record that the ledger is at `target` from now on: together with the end of the transaction."""
        if earlier := moved_to(self._connection):
            if earlier != target:
                raise refusal(self._address, f"was moved to {earlier}, and so cannot move to {target}")
            return
        self._connection.execute("CREATE TABLE moved (target text NOT NULL)")
        self._connection.execute("INSERT INTO moved VALUES (%s)", [target])
        self._connection.execute("UPDATE ledger_version SET number = number + %s", [MOVED])


@contextmanager
def departing(address: Address) -> Iterator[LeavingLedger]:
    """Take hold of a ledger that is to move into a file, or has begun to.

    Raises:
        ConfigurationError: replicas use it, there is none, or it is of another version.
    """
    try:
        with address.connect() as connection, connection.transaction():
            connection.execute(TAKE_LOCK)
            _must_be_free(connection, address)
            yield DepartingLedger(connection, address)
    except psycopg.errors.UndefinedTable:
        raise refusal(address, "holds no ledger") from None
    except psycopg.Error as problem:
        raise refused(problem, f"ledger.dsn_env: {address}: ") from None


def _must_be_free(connection: Connection, address: Address) -> None:
    found = found_version(connection)
    if not found.oldest % MOVED <= len(MIGRATIONS) == found.made:
        expected = f"expected {len(MIGRATIONS)}, to which a server of this version brings it"
        raise refusal(address, f"has format {found.made}; {expected}")
    if others := users(connection):
        raise ConfigurationError([f"ledger.dsn_env: {address}: {others}"])
