"""The tables of a ledger in PostgreSQL: made once by whoever comes first, and left alone by versions that are too old."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import psycopg
import pytest

from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.layouts import migrate
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.postgres.tables import MIGRATIONS
from connector.model.errors import ConfigurationError
from tests.ledger.ledgers import KEYS, record, until
from tests.postgres import PASSWORD, Postgres

WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def ledger_at(address: str) -> PostgresLedger:
    return PostgresLedger(parsed(address, origin="test"), KEYS)


async def test_replicas_that_start_at_once_on_an_empty_database_make_one_ledger(postgres: Postgres) -> None:
    address = postgres.dsn(postgres.new_database())
    async with AsyncExitStack() as stack:
        opening = (stack.enter_async_context(ledger_at(address).opened()) for _ in range(4))
        first, *others = await asyncio.gather(*opening)
        debt = await record(first, 1)
        ids = {(await ledger.known_sessions()).ledger_id for ledger in (first, *others)}
        assert len(ids) == 1
        assert [(await ledger.debt(debt.id)).id for ledger in others] == [debt.id] * 3


async def test_a_replica_that_starts_while_another_one_makes_the_tables_waits_for_them(postgres: Postgres) -> None:
    address = postgres.dsn(postgres.new_database())
    connect = partial(psycopg.connect, address, autocommit=True)
    async with AsyncExitStack() as stack:
        with connect() as first, connect() as watcher:
            with first.transaction():
                migrate(first)
                opening = asyncio.create_task(stack.enter_async_context(ledger_at(address).opened()))
                await until(partial(waits_for_a_lock, watcher))
            await record(await opening, 1)
            versions = watcher.execute("SELECT count(*) FROM ledger_version").fetchall()
    assert versions == [(1,)]


async def waits_for_a_lock(watcher: "psycopg.Connection[tuple[object, ...]]") -> bool:
    return bool(watcher.execute(WAITING).fetchall())


async def test_tables_of_a_newer_version_are_refused_unchanged_and_without_a_password(postgres: Postgres) -> None:
    database = postgres.new_database()
    async with ledger_at(postgres.dsn(database)).opened() as ledger:
        await record(ledger, 1)
    postgres.administer("UPDATE ledger_version SET number = 99", database)
    with pytest.raises(ConfigurationError) as refused:
        await ledger_at(postgres.dsn(database)).open()
    (problem,) = refused.value.problems
    assert f"has format 99; this version reads up to {len(MIGRATIONS)}" in problem
    assert PASSWORD not in problem
    assert postgres.administer("SELECT number FROM ledger_version", database) == [(99,)]
