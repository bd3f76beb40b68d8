"""Replicas whose clocks are hours apart, on one database: its clock says what is due."""

import asyncio
import sys
import time

import pytest

from connector.ledger.postgres.database_clock import DatabaseClock
from tests.ledger.ledgers import HOUR
from tests.ledger.test_postgres_opening import ledger_at
from tests.postgres import Postgres

BUSY = 20.0
"""Seconds that a busy machine may take for some calls."""


async def recorded_by(ahead: float, address: str) -> None:
    """Let a replica whose clock is ahead by so many seconds record a debt."""
    command = ("-m", "tests.ahead", str(ahead), "tests.ledger.replica", address, "records")
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    said, _ = await process.communicate()
    assert b"= recorded" in said


@pytest.mark.parametrize("ahead", [-HOUR, HOUR], ids=["late", "early"])
async def test_a_debt_is_due_when_the_database_says_whatever_its_replicas_clock(postgres: Postgres, ahead: float) -> None:
    address = postgres.dsn(postgres.new_database())
    async with ledger_at(address).opened() as ledger:
        before = time.time()
        await recorded_by(ahead, address)

        due = await ledger.next_due(before)

        assert due is not None
        assert before <= due <= time.time()


async def test_a_ledgers_clock_is_the_databases_once_a_transaction_has_shown_it() -> None:
    clock = DatabaseClock(lambda: 100.0)
    clock.saw(3700.0, asked=100.0, answered=100.5)
    assert clock() == pytest.approx(3700.0, abs=0.5)


async def test_an_answer_that_waited_moves_no_clock_that_was_right() -> None:
    clock = DatabaseClock(lambda: 100.0)
    clock.saw(100.1, asked=100.0, answered=100.2)
    clock.saw(100.3, asked=100.2, answered=100.2 + BUSY)
    assert clock() == 100.0
