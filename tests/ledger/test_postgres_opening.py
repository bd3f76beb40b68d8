"""The tables of a ledger in PostgreSQL: made once by whoever comes first, and left alone by versions that are too old."""

import asyncio
from contextlib import AsyncExitStack

import psycopg
import pytest

from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.layouts import migrate
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.postgres.standstill import Standstill
from connector.ledger.postgres.tables import MIGRATIONS
from connector.model.errors import ConfigurationError
from tests.ledger.ledgers import KEYS, record
from tests.postgres import PASSWORD, Postgres

AN_OLDER_REPLICA = "INSERT INTO owners VALUES ('old', 'a replica of version 1', 1)"


def ledger_at(address: str, standstill: Standstill | None = None) -> PostgresLedger:
    return PostgresLedger(parsed(address, origin="test"), KEYS, standstill=standstill)


async def test_replicas_that_start_at_once_on_an_empty_database_make_one_ledger(postgres: Postgres) -> None:
    address = postgres.dsn(postgres.new_database())
    async with AsyncExitStack() as stack:
        opening = (stack.enter_async_context(ledger_at(address).opened()) for _ in range(4))
        first, *others = await asyncio.gather(*opening)
        debt = await record(first, 1)
        ids = {(await ledger.known_sessions()).ledger_id for ledger in (first, *others)}
        assert len(ids) == 1
        assert [(await ledger.debt(debt.id)).id for ledger in others] == [debt.id] * 3


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


async def test_tables_that_an_older_replica_uses_become_todays_and_stay_usable_for_it(postgres: Postgres) -> None:
    database = postgres.new_database()
    with psycopg.connect(postgres.dsn(database), autocommit=True) as older:
        migrate(older, MIGRATIONS[:1])
        older.execute(AN_OLDER_REPLICA)
        async with ledger_at(postgres.dsn(database)).opened() as ledger:
            await record(ledger, 1)
            assert not migrate(older, MIGRATIONS[:1]), "it may even start again"
            older.execute("UPDATE owners SET sequence = sequence + 1 WHERE name LIKE '%version 1'")
    assert postgres.administer("SELECT number, layout FROM ledger_version", database) == [(1, len(MIGRATIONS))]


async def test_once_no_older_replica_is_there_none_comes_back(postgres: Postgres) -> None:
    database = postgres.new_database()
    time = iter(range(0, 1000, 10))
    with psycopg.connect(postgres.dsn(database), autocommit=True) as older:
        migrate(older, MIGRATIONS[:1])
        older.execute(AN_OLDER_REPLICA)
        standstill = Standstill(claim=15.0, counted=15.0, clock=lambda: next(time))
        async with ledger_at(postgres.dsn(database), standstill).opened() as ledger:
            for _ in range(4):
                await ledger.statistics()
        with pytest.raises(psycopg.errors.CheckViolation):
            older.execute(AN_OLDER_REPLICA)
        with pytest.raises(ConfigurationError):
            migrate(older, MIGRATIONS[:1])
    assert postgres.administer("SELECT number FROM ledger_version", database) == [(len(MIGRATIONS),)]
