"""A hundred thousand owed logouts: they cost nothing up front, and hide nothing."""

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from connector.endsystems.end_system import SessionLogin
from connector.ledger.sqlite.file_table import FileTable
from connector.ledger.sqlite.recovery import build
from connector.model.debts import Debt
from tests.assembly import holding
from tests.doubles import ScriptedEndSystem
from tests.ledger.ledgers import GRACE, KEYS, NAME, ORIGIN, PENDING, START, close, opened, record, request

ROWS = 100_000
LOOSE = 2.0
"""Seconds that each of these may take on a machine that is shared; without load it is a fraction."""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger in which one origin owes nearly all there is, and another one a little."""
    folder = tmp_path_factory.mktemp("crowd")
    build(folder / NAME)
    connection = sqlite3.connect(folder / NAME, isolation_level=None)
    connection.execute("BEGIN")
    table = FileTable(connection, KEYS)
    for number in range(ROWS):
        asked = request(number)
        table.insert(
            Debt(
                id=0,
                session_id=asked.session_id,
                system_id=asked.system_id,
                origin=ORIGIN if number < ROWS - 3 else "https://small.example.com",
                fingerprint=b"%032d" % number,
                outcome=PENDING,
                evictions={"memory": asked.scopes},
                recorded_at=START,
                due_at=START + number / ROWS,
                credential=asked.credential,
            )
        )
    connection.execute("COMMIT")
    connection.close()
    return folder


class ScatteredEndSystem(ScriptedEndSystem):
    """The end systems of the crowd."""

    def origin(self, session: SessionLogin) -> str:
        return ORIGIN if UUID(session.session_id).int < ROWS - 3 else "https://small.example.com"


@contextmanager
def measured(what: str, bound: float, clock: Callable[[], float] = time.perf_counter) -> Iterator[None]:
    started = clock()
    yield
    took = clock() - started
    sys.stderr.write(f"{what}, {ROWS} rows: {took * 1000:.1f} ms\n")
    assert took < bound, what


@pytest.mark.slow
async def test_a_hundred_thousand_owed_rows_delay_neither_the_start_nor_the_first_answer(crowd: Path) -> None:
    async with AsyncExitStack() as stack:
        with measured("start", LOOSE):
            ledger = await stack.enter_async_context(opened(crowd))
        with measured("first record", LOOSE / 4):
            debt = await record(ledger, ROWS + 1)
        with measured("first settlement", LOOSE / 4):
            await close(ledger, debt)
        with measured("first due", LOOSE / 4):
            first = await ledger.claim_due(START + GRACE, per_origin=4, limit=100)
        assert sorted(debt.origin for debt in first) == [ORIGIN] * 4 + ["https://small.example.com"] * 3
        with measured("next due", LOOSE / 4):
            soonest = await ledger.next_due(START, per_origin=8)
        assert soonest == START + 4 / ROWS
        with measured("finding out that nothing is held back", LOOSE):
            await holding(ledger, ScatteredEndSystem()).sort()
        with measured("totals", LOOSE):
            assert (await ledger.statistics()).owed == ROWS
        with measured("a slice of owed evictions", LOOSE):
            assert len(await ledger.owed_evictions("memory", limit=200)) == 200
        with measured("no owed evictions of another driver", LOOSE):
            assert await ledger.owed_evictions("redis") == []
