"""What a database is and holds, found out without a change to it."""

from time import perf_counter

import psycopg

from connector.ledger.postgres.address import Address
from connector.ledger.postgres.arriving import Connection, refusal
from connector.ledger.postgres.durability import durability
from connector.ledger.postgres.fitness import must_be_fit
from connector.ledger.postgres.layouts import MARKER, found_version, why_elsewhere
from connector.ledger.postgres.sent_together import Statements
from connector.ledger.postgres.tables import MIGRATIONS
from connector.ledger.postgres.trouble import refused


def reached(address: Address) -> str:
    """Say of which version the database is, what ledger it holds, and what its settings allow to be lost.

    Raises:
        ConfigurationError: no server could start with it.
    """
    try:
        with address.connect() as connection:
            must_be_fit(connection, marker=MARKER, prefix=f"ledger.dsn_env: {address}: ")
            with connection.transaction():
                return f"{_version(connection)} at {address}; {_held(connection, address)}; {durability(Statements(connection))}"
    except psycopg.Error as problem:
        raise refused(problem, f"ledger.dsn_env: {address}: ") from None


def round_trips(address: Address, number: int) -> list[float]:
    """Return the seconds of each of so many round trips. Raises `ConfigurationError`."""
    seconds = []
    try:
        with address.connect() as connection:
            for _ in range(number):
                begun = perf_counter()
                connection.execute("SELECT 1")
                seconds.append(perf_counter() - begun)
    except psycopg.Error as problem:
        raise refused(problem, f"ledger.dsn_env: {address}: ") from None
    return seconds


def version(address: Address) -> tuple[int, int]:
    """Return the major and the minor version of a database. Raises `ConfigurationError`."""
    try:
        with address.connect() as connection:
            return divmod(connection.info.server_version, 10_000)
    except psycopg.Error as problem:
        raise refused(problem, f"ledger.dsn_env: {address}: ") from None


def clock(address: Address) -> float:
    """Return what the database's clock tells, in seconds since the epoch. Raises `ConfigurationError`."""
    try:
        with address.connect() as connection:
            [(now,)] = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchall()
            return float(now)
    except psycopg.Error as problem:
        raise refused(problem, f"ledger.dsn_env: {address}: ") from None


def _version(connection: Connection) -> str:
    major, minor = divmod(connection.info.server_version, 10_000)
    return f"PostgreSQL {major}.{minor}"


def _held(connection: Connection, address: Address) -> str:
    [(is_there,)] = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [MARKER]).fetchall()
    if not is_there:
        return "no ledger yet, so the first start makes one"
    if elsewhere := why_elsewhere(connection):
        raise refusal(address, elsewhere)
    found, newest = found_version(connection), len(MIGRATIONS)
    if found.oldest > newest:
        raise refusal(address, f"has format {found.oldest}; this version reads up to {newest}")
    return f"a ledger of version {found.made}" + (f", which a start brings to {newest}" if found.made < newest else "")
