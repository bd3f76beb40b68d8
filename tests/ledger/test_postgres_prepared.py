"""Statements that are prepared by a replica: only where each transaction is done by the same process of the database."""

import asyncio
from typing import Any

import psycopg
import pytest

from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.arrays import Array
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.sql.table import Table
from tests.ledger.ledgers import record
from tests.ledger.test_postgres_faults import TERMINATE, opened, until_it_works
from tests.postgres import Postgres, pgbouncer

READ_ONE_BY_ONE = "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'debts'"
PREPARED = "SELECT count(*) FROM pg_prepared_statements"
OFTEN = range(8)
"""More than a statement has to be run before it is prepared."""


async def prepared_after_some_work(ledger: PostgresLedger) -> int:
    for number in OFTEN:
        await record(ledger, number)
    [(count,)] = await ledger.transact(lambda table: table.connection.execute(PREPARED).fetchall())
    return int(count)


async def test_what_is_repeated_is_prepared_in_a_database_that_is_reached_directly(postgres: Postgres) -> None:
    async with opened(postgres.dsn(postgres.new_database())) as ledger:
        assert await prepared_after_some_work(ledger) > 3


@pytest.mark.parametrize("mode", ["transaction", "session"])
async def test_nothing_is_prepared_behind_a_bouncer(postgres: Postgres, mode: str) -> None:
    with pgbouncer(postgres, mode) as bouncer:
        async with opened(postgres.dsn(postgres.new_database(), port=bouncer.port)) as ledger:
            assert await prepared_after_some_work(ledger) == 0


async def test_a_replica_goes_on_while_another_version_adds_columns_to_what_is_prepared(postgres: Postgres) -> None:
    database = postgres.new_database()
    async with opened(postgres.dsn(database)) as ledger:
        assert await prepared_after_some_work(ledger) > 3
        with psycopg.connect(postgres.dsn(database), autocommit=True) as newer:
            for table in ("debts", "claims", "owners", "ticks"):
                newer.execute(f"ALTER TABLE {table} ADD COLUMN of_tomorrow bigint NOT NULL DEFAULT 0".encode())

        again = [await record(ledger, number) for number in OFTEN]

        assert [debt.revision for debt in again] == [2] * len(OFTEN)


async def test_a_connection_that_is_made_anew_prepares_anew(postgres: Postgres) -> None:
    database = postgres.new_database()
    async with opened(postgres.dsn(database)) as ledger:
        await prepared_after_some_work(ledger)
        postgres.administer(f"{TERMINATE} AND datname = '{database}'")
        await until_it_works(ledger, 1)
        assert await prepared_after_some_work(ledger) > 3


@pytest.mark.parametrize("works", [0, 1, *OFTEN[-1:]])
async def test_a_transaction_that_was_rolled_back_leaves_the_next_ones_what_they_need(postgres: Postgres, works: int) -> None:
    """psycopg may deallocate all that is prepared after a ROLLBACK, and what begins a transaction is called by its name."""

    def fail(_: Table) -> None:
        raise ZeroDivisionError

    async with opened(postgres.dsn(postgres.new_database())) as ledger:
        for number in range(works):
            await record(ledger, number)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await ledger.transact(fail)
        assert await prepared_after_some_work(ledger) > 3


async def test_what_begins_each_transaction_is_prepared_once(postgres: Postgres) -> None:
    def begun(table: Table) -> list[Any]:
        query = "SELECT name, generic_plans + custom_plans FROM pg_prepared_statements WHERE name LIKE 'begin%' ORDER BY name"
        return table.connection.execute(query.replace("%", "%%")).fetchall()

    async with opened(postgres.dsn(postgres.new_database())) as ledger:
        before, after = [await ledger.transact(begun) for _ in range(2)]

    assert len(before) == 6
    assert [(name, times + 1) for name, times in before] == after


async def test_rows_that_are_streamed_differ_though_the_statement_is_the_same(postgres: Postgres) -> None:
    async with opened(postgres.dsn(postgres.new_database())) as ledger:
        for _ in OFTEN:
            assert await ledger.transact(lambda table: [*table.stream("SELECT 1")]) == [(1,)]
            assert await ledger.transact(lambda table: [*table.stream("SELECT 'a', 2")]) == [("a", 2)]


async def test_what_was_prepared_for_a_small_table_reads_a_large_one_by_its_index(postgres: Postgres) -> None:
    def rows_read_one_by_one(table: Table) -> int:
        table.sessions_heard_of([debt.session_id for debt in some])
        table.update_all(some)
        [(number,)] = table.connection.execute(READ_ONE_BY_ONE).fetchall()
        return int(number)

    async with opened(postgres.dsn(postgres.new_database())) as ledger:
        some = [await record(ledger, number) for number in OFTEN]
        for _ in OFTEN:
            await ledger.transact(rows_read_one_by_one)
        await asyncio.gather(*(record(ledger, number) for number in range(2_000)))

        assert await ledger.transact(rows_read_one_by_one) == 0


def test_an_array_holds_what_was_given(postgres: Postgres) -> None:
    given: dict[str, list[Any]] = {
        "text": ["", "a", None, "\u00e9\U0001f600"],
        "bytea": [b"", b"\0\xff", None],
        "bigint": [-(2**63), 0, None, 2**63 - 1],
        "double precision": [-0.5, None, 1e300],
    }
    with parsed(postgres.dsn(postgres.new_database()), origin="test").connect() as connection:
        for type_, values in given.items():
            for each in (values, values[:1] * 3, [None, None]):
                [(found,)] = connection.execute(f"SELECT %b::{type_}[]".encode(), [Array(type_, each)], binary=True).fetchall()
                assert found == each
