"""A ledger that moves into a database: wholly or not at all, and read again before it counts."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, LiteralString, Protocol

import psycopg
from psycopg import sql

from connector.ledger.postgres.address import Address
from connector.ledger.postgres.fitness import why_unfit
from connector.ledger.postgres.tables import MARKER, TAKE_LOCK, migrate
from connector.ledger.postgres.trouble import told
from connector.model.errors import ConfigurationError

Connection = psycopg.Connection[Any]
Tables = Mapping[str, Sequence[str]]
"""Names of tables, and of their columns."""
NUMBERED = ("debts", "sessions", "openings")
"""Tables whose next id is behind the highest one."""


class LeavingLedger(Protocol):
    """A ledger that moves here."""

    @property
    def id(self) -> bytes:
        """The random word that its seals name."""

    def last_id(self, table: str) -> int:
        """Return the highest id that a row of a table ever had; 0 if that is not known."""

    def rows(self, table: str) -> Iterable[Sequence[Any]]:
        """Return the rows of a table, ordered by the first column."""

    def mark(self, target: str) -> None:
        """Record that no server uses it any more."""


def arrive(address: Address, source: LeavingLedger, tables: Tables, advance: Callable[[], None]) -> bool:
    """Move a ledger into a database without one, and tell whether that was done before. `advance` is called for each row.

    The source is marked once all is written and read again, and before the database keeps it. A move that was broken off is begun
    again by another call.

    Raises:
        ConfigurationError: the database cannot be used, is in use, or holds a ledger of its own.
    """
    try:
        with address.connect() as connection:
            if unfit := why_unfit(connection, marker=MARKER):
                raise _refusal(address, unfit)
            migrate(connection)
            with connection.transaction():
                connection.execute(TAKE_LOCK)
                return _arrived(connection, source, tables, advance, address)
    except psycopg.Error as problem:
        raise _refusal(address, told(problem)) from None


def _arrived(
    connection: Connection,
    source: LeavingLedger,
    tables: Mapping[str, Sequence[str]],
    advance: Callable[[], None],
    address: Address,
) -> bool:
    [(identity,)] = connection.execute("SELECT id FROM identity").fetchall()
    if bytes(identity) == source.id:
        return True
    _must_be_unused(connection, tables, address)
    for table, columns in tables.items():
        if _written(connection, table, columns, source.rows(table), advance) != _digest(_read(connection, table, columns)):
            raise _refusal(address, f"what was read again from {table} is not what was written: nothing is kept")
    for table in NUMBERED:
        _count_on(connection, table, source.last_id(table))
    connection.execute("UPDATE identity SET id = %s", [source.id])
    source.mark(str(address))
    return False


def _must_be_unused(connection: Connection, tables: Iterable[str], address: Address) -> None:
    owners = ", ".join(str(name) for (name,) in connection.execute("SELECT name FROM owners"))
    if owners:
        raise _refusal(address, f"expected no replica on it: {owners}. Stop them first; if one was killed, start and stop it")
    for table in tables:
        query = sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table))
        if table != "ticks" and connection.execute(query).fetchone() == (True,):
            raise _refusal(address, f"holds a ledger with {table} of its own; expected an empty one")


def _written(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], advance: Callable[[], None]
) -> bytes:
    """Write the rows and return their digest."""
    digest = sha256()

    def noted() -> Iterator[Sequence[Any]]:
        for row in rows:
            digest.update(_bytes(row))
            advance()
            yield row

    connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
    connection.cursor().executemany(_statement("INSERT INTO {table} ({names}) VALUES ({marks})", table, columns), noted())
    return digest.digest()


def _read(connection: Connection, table: str, columns: Sequence[str]) -> Iterable[Sequence[Any]]:
    statement = _statement("SELECT {names} FROM {table} ORDER BY 1", table, columns)
    with connection.cursor(f"arrived {table}", binary=True) as cursor:
        yield from cursor.execute(statement)


def _digest(rows: Iterable[Sequence[Any]]) -> bytes:
    digest = sha256()
    for row in rows:
        digest.update(_bytes(row))
    return digest.digest()


def _bytes(row: Sequence[Any]) -> bytes:
    return repr(tuple(row)).encode("utf-8", "surrogateescape")


def _statement(form: LiteralString, table: str, columns: Sequence[str]) -> sql.Composed:
    listed, comma = [*map(sql.Identifier, columns)], sql.SQL(", ")
    marks = comma.join([sql.Placeholder()] * len(columns))
    return sql.SQL(form).format(table=sql.Identifier(table), names=comma.join(listed), marks=marks)


def _count_on(connection: Connection, table: str, last_id: int) -> None:
    """Give no id again that a row had."""
    sequence = "debt_ids" if table == "debts" else f"{table}_id_seq"
    highest = sql.SQL("SELECT setval(%s, greatest(max(id), %s, 1)) FROM {}").format(sql.Identifier(table))
    connection.execute(highest, [sequence, last_id])


def _refusal(address: Address, reason: str) -> ConfigurationError:
    return ConfigurationError([f"ledger.dsn_env: {address}: {reason}"])
