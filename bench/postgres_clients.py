"""Compare the clients of PostgreSQL between which decision 9 chooses: `python -m bench.postgres_clients`.

All do without prepared statements, as they have to behind PgBouncer. Commits do not wait for the disk here, so that the
clients are measured and not the disk.
"""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter

import asyncpg
import psycopg

from tests.ports import HOST
from tests.postgres import PASSWORD, USER, Postgres, postgres_server

ROUNDS = 40
BATCH = range(1, 65)
"""Rows of the operations that share a transaction. Each operation has two statements: one that looks, and one that writes."""
PER_HOST = 2
"""Seconds that a host may take to answer; libpq takes no less."""
LOCK = "SELECT pg_advisory_xact_lock(7)"
LOOK, WRITE = "SELECT id, tries FROM debts WHERE id = %s", "UPDATE debts SET tries = tries + 1 WHERE id = %s"
NUMBERED_LOOK, NUMBERED_WRITE = LOOK.replace("%s", "$1"), WRITE.replace("%s", "$1")
Work = Callable[[], Awaitable[object]]
Works = dict[tuple[str, str], Work]
"""By what is done, and the client that does it."""


def main() -> None:
    """Print the microseconds of each client, and what becomes of a start whose first host is silent."""
    with postgres_server("-c", "synchronous_commit=off") as postgres:
        database = postgres.new_database()
        with psycopg.connect(postgres.dsn(database)) as connection:
            connection.execute("CREATE TABLE debts (id integer PRIMARY KEY, tries integer)")
            connection.execute("INSERT INTO debts SELECT n, 0 FROM generate_series(1, 1000) AS n")
        asyncio.run(_measure(postgres, database))
        with _silent_host() as silent:
            asyncio.run(_fail_over(postgres, database, silent))


async def _measure(postgres: Postgres, database: str) -> None:
    address = postgres.dsn(database)
    blocking = psycopg.connect(address, autocommit=True, prepare_threshold=None)
    awaited = await psycopg.AsyncConnection.connect(address, autocommit=True, prepare_threshold=None)
    numbered = await _asyncpg([HOST], [postgres.server.port], database)
    works = _blocking(blocking) | _awaited(awaited) | _numbered(numbered)
    samples: dict[tuple[str, str], list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, work in works.items():
            samples[name].append(await _seconds(work))
    for (what, client), taken in sorted(samples.items(), key=lambda sample: sample[0][0]):
        sys.stdout.write(f"{what:<38} {client:<26} {median(taken) * 1e6:>8,.0f} us\n")
    blocking.close()
    await awaited.close()
    await numbered.close()


def _blocking(connection: psycopg.Connection) -> Works:
    """What psycopg does on a thread, without the way there and back."""

    async def statement() -> None:
        connection.execute(LOOK, [1]).fetchall()

    async def batch(rows: range) -> None:
        with connection.transaction():
            connection.execute(LOCK)
            for row in rows:
                connection.execute(LOOK, [row]).fetchall()
                connection.execute(WRITE, [row])

    async def pipelined() -> None:
        with connection.pipeline() as pipeline, connection.transaction():
            connection.execute(LOCK)
            looks = [connection.execute(LOOK, [row]) for row in BATCH]
            pipeline.sync()
            for look in looks:
                look.fetchall()
            for row in BATCH:
                connection.execute(WRITE, [row])

    return _named("psycopg, blocking", statement, batch) | {
        (f"{len(BATCH)} operations in a pipeline", "psycopg, blocking"): pipelined
    }


def _awaited(connection: psycopg.AsyncConnection) -> Works:
    async def statement() -> None:
        await (await connection.execute(LOOK, [1])).fetchall()

    async def batch(rows: range) -> None:
        async with connection.transaction():
            await connection.execute(LOCK)
            for row in rows:
                await (await connection.execute(LOOK, [row])).fetchall()
                await connection.execute(WRITE, [row])

    return _named("psycopg, asynchronous", statement, batch)


def _numbered(connection: asyncpg.Connection) -> Works:
    async def statement() -> None:
        await connection.fetch(NUMBERED_LOOK, 1)

    async def batch(rows: range) -> None:
        async with connection.transaction():
            await connection.execute(LOCK)
            for row in rows:
                await connection.fetch(NUMBERED_LOOK, row)
                await connection.execute(NUMBERED_WRITE, row)

    return _named("asyncpg", statement, batch)


def _named(client: str, statement: Work, batch: Callable[[range], Awaitable[object]]) -> Works:
    return {
        ("1 statement", client): statement,
        ("1 operation in a transaction", client): lambda: batch(BATCH[:1]),
        (f"{len(BATCH)} operations in a transaction", client): lambda: batch(BATCH),
    }


async def _fail_over(postgres: Postgres, database: str, silent: int) -> None:
    """Connect by two hosts, of which the first accepts connections and answers nothing."""
    both = f"{postgres.dsn(database)} host={HOST},{HOST} port={silent},{postgres.server.port} connect_timeout={PER_HOST}"
    seconds = await _seconds(lambda: psycopg.AsyncConnection.connect(both))
    sys.stdout.write(f"first host silent, {PER_HOST} s for each: psycopg connects to the second after {seconds:.1f} s\n")
    try:
        await _asyncpg([HOST, HOST], [silent, postgres.server.port], database, timeout=2 * PER_HOST)
    except TimeoutError:
        sys.stdout.write(f"first host silent, {2 * PER_HOST} s in all: asyncpg never tries the second\n")


async def _asyncpg(hosts: list[str], ports: list[int], database: str, *, timeout: float = 60) -> asyncpg.Connection:
    return await asyncpg.connect(
        host=hosts, port=ports, user=USER, password=PASSWORD, database=database, timeout=timeout, statement_cache_size=0
    )


@contextmanager
def _silent_host() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


async def _seconds(work: Work) -> float:
    begun = perf_counter()
    await work()
    return perf_counter() - begun


if __name__ == "__main__":
    main()
