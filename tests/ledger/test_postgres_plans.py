"""How PostgreSQL goes about what the ledger asks: its statements are prepared, and their plans stay while the tables grow."""

import asyncio

from connector.ledger.port import Ledger
from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from tests.ledger.ledgers import KEYS, all_due, close, open_, record, session
from tests.postgres import Postgres

UNTIL_PREPARED = 15
"""psycopg prepares a statement after five uses, and PostgreSQL keeps a plan for all values after five more."""
GROWN = 1_000
GROWING = {"debts", "sessions", "openings", "claims", "refreshes", "audit", "quarantine"}
READ = "SELECT relname, seq_tup_read FROM pg_stat_user_tables WHERE seq_tup_read > 0"


async def live(ledger: Ledger, number: int) -> None:
    """Open a session and end it by its seal, end another one without a seal, and close both logouts."""
    token = f"t{number}"
    await open_(ledger, session(number, token))
    by_seal = await record(ledger, number, token, login="l")
    without_seal = await record(ledger, GROWN + number, token)
    await asyncio.gather(close(ledger, by_seal), close(ledger, without_seal))


async def test_no_statement_whose_plan_was_made_early_reads_a_whole_table_later(postgres: Postgres) -> None:
    database = postgres.new_database()
    ledger = PostgresLedger(parsed(postgres.dsn(database), origin="test"), KEYS)
    async with ledger.opened():
        for number in range(UNTIL_PREPARED):
            await live(ledger, number)
        await asyncio.gather(*(live(ledger, number) for number in range(UNTIL_PREPARED, GROWN)))
        for number in range(UNTIL_PREPARED):
            await live(ledger, number)
        await all_due(ledger)
        await ledger.statistics()
    read = {name: rows for name, rows in postgres.administer(READ, database) if name in GROWING}

    assert read == {}
