"""A ledger that moves into a database: wholly or not at all, and read again before it counts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from connector.ledger.postgres.address import Address
from connector.ledger.postgres.adopting import Adoption, adopt
from connector.ledger.postgres.dialect import FleetTable
from connector.ledger.postgres.fitness import must_be_fit
from connector.ledger.postgres.layouts import MARKER, migrate
from connector.ledger.postgres.sent_together import Statements
from connector.ledger.postgres.tables import TAKE_LOCK
from connector.ledger.postgres.trouble import refused
from connector.ledger.sql.audit_rows import note_at_rest
from connector.ledger.sql.moving import COLUMNS, LOSE_TRACK, NUMBERED, CheckedLedger, Digest, LedgerRows, Row
from connector.model.audit import ended
from connector.model.errors import ConfigurationError

Connection = psycopg.Connection[Any]
NOT_MOVED = (
    "holds a ledger of this identity, and {0} has not been moved there: one is a copy of the other, or was restored from a"
    " backup. Name a database without a ledger. If replicas use this one, start a server with {0}, have `connector drain"
    " --close-sessions` end what it holds, and leave the file out"
)


def arrive(address: Address, source: CheckedLedger, adoption: Adoption, advance: Callable[[], None]) -> bool:
    """Move a ledger into a database, and tell whether that was done before. `advance` is called for each row.

    One that is empty holds the same rows then, and one with a ledger adopts this one. Its audit log gets a line. The next start
    invalidates everything cached. The source is marked once all is written and read again, and before the database keeps it. A
    move that was broken off is begun again by another call.

    Raises:
        ConfigurationError: the database cannot be used or is in use, the source cannot move, none of its rows verifies, or the
            database has a ledger of its identity, and it is not marked.
    """
    with only_one(address) as connection:
        return _arrived(connection, source, adoption, advance, address)


@contextmanager
def only_one(address: Address) -> Iterator[Connection]:
    """Give a transaction that is the ledger's only one, on today's tables. Raises `ConfigurationError` if there can be none."""
    try:
        with address.connect() as connection:
            must_be_fit(connection, marker=MARKER, prefix=f"ledger.dsn_env: {address}: ")
            migrate(connection)
            with connection.transaction():
                connection.execute(TAKE_LOCK)
                yield connection
    except psycopg.Error as problem:
        raise refused(problem, f"ledger.dsn_env: {address}: ") from None


def _arrived(
    connection: Connection, source: CheckedLedger, adoption: Adoption, advance: Callable[[], None], address: Address
) -> bool:
    if _was_done(connection, source, address):
        return True
    if others := users(connection):
        raise refusal(address, others)
    if is_empty(connection):
        source.must_verify()
        copy_rows(connection, source, advance, address)
    else:
        adopt(FleetTable(Statements(connection), adoption.keyring), source, adoption, advance)
        source.must_verify()  # a key that is missing is told by its name before
    connection.execute(LOSE_TRACK)
    note_at_rest(Statements(connection), ended(adoption.entry, f"moved to {address}"))
    source.mark(str(address))
    return False


def _was_done(connection: Connection, source: CheckedLedger, address: Address) -> bool:
    """Tell whether the source has moved into the database: one is marked, and the other has all its identities.

    A copy of the source has its identities, too. So has what was restored from its backup.
    """
    known = {*source.ids} & {*ids(connection)}
    if not known:
        return False
    if (earlier := source.moved_to()) is None or known != {*source.ids}:
        raise refusal(address, NOT_MOVED.format(source.path))
    if earlier != str(address):
        same = "if that is the same database by another name, leave this file out"
        raise ConfigurationError([f"{source.path}: was moved to {earlier}, and so cannot move to {address}; {same}"])
    return True


def copy_rows(connection: Connection, source: LedgerRows, advance: Callable[[], None], address: Address) -> None:
    """Write what is in a ledger in the place of what the tables hold, and read it again. Raises `ConfigurationError`."""
    for table, columns in COLUMNS.items():
        if _written(connection, table, columns, source.rows(table), advance) != Digest().of(read(connection, table, columns)):
            raise refusal(address, f"what was read again from {table} is not what was written: nothing is kept")
    for table in NUMBERED:
        _count_on(connection, table, source.last_id(table))
    connection.execute("DELETE FROM identity")
    connection.cursor().executemany("INSERT INTO identity VALUES (%s)", [(id_,) for id_ in source.ids])


def ids(connection: Connection) -> list[bytes]:
    """Return the random words that stand for a ledger, and for those that have moved into it."""
    return [bytes(id_) for (id_,) in connection.execute("SELECT id FROM identity ORDER BY id")]


def is_empty(connection: Connection) -> bool:
    """Tell whether there is no row of a ledger, and none was ever used here: no seal names it."""
    query = sql.SQL("SELECT EXISTS (SELECT FROM {})")
    return (True,) not in [connection.execute(query.format(sql.Identifier(table))).fetchone() for table in COLUMNS]


def users(connection: Connection) -> str | None:
    """Say who uses a ledger that is to move; None if nobody does."""
    owners = ", ".join(str(name) for (name,) in connection.execute("SELECT name FROM owners"))
    hint = "Stop them first; if one was killed, start and stop it"
    return f"expected no replica on it: {owners}. {hint}" if owners else None


def _written(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Row], advance: Callable[[], None]
) -> bytes:
    """Write the rows and return their digest."""
    digest = Digest()
    connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
    insert = _statement("INSERT INTO {table} ({names}) VALUES ({marks})", table, columns)
    connection.cursor().executemany(insert, digest.noted(rows, advance))
    return digest.value


def read(connection: Connection, table: str, columns: Sequence[str]) -> Iterable[Row]:
    """Yield the rows of a table, ordered by the first column."""
    statement = _statement("SELECT {names} FROM {table} ORDER BY 1", table, columns)
    with connection.cursor(f"all {table}", binary=True) as cursor:
        yield from cursor.execute(statement)


def _statement(form: LiteralString, table: str, columns: Sequence[str]) -> sql.Composed:
    listed, comma = [*map(sql.Identifier, columns)], sql.SQL(", ")
    marks = comma.join([sql.Placeholder()] * len(columns))
    return sql.SQL(form).format(table=sql.Identifier(table), names=comma.join(listed), marks=marks)


def _count_on(connection: Connection, table: str, last_id: int) -> None:
    """Give no id again that a row had."""
    sequence = "debt_ids" if table == "debts" else f"{table}_id_seq"
    highest = sql.SQL("SELECT setval(%s, greatest(max(id), %s, 1)) FROM {}").format(sql.Identifier(table))
    connection.execute(highest, [sequence, last_id])


def refusal(address: Address, reason: str) -> ConfigurationError:
    """Return the error that says why a database cannot be used."""
    return ConfigurationError([f"ledger.dsn_env: {address}: {reason}"])
