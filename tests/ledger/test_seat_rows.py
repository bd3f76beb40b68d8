"""Seats in the file: a row is kept as long as its login may be alive, and counted by indices."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from connector.ledger.sql import opening_rows
from connector.ledger.sqlite.file_table import FileTable
from connector.ledger.sqlite.recovery import build
from connector.ledger.testing.ledger_subject import every_row
from connector.ledger.testing.seating import POOL, UNPROVED, cleaned_up, seated
from connector.model.debts import LogoutState
from connector.model.seat_pools import HeldSeats
from tests.ledger.ledgers import DRIVERS, KEYS, NAME, SetClock, opened, opening, session

A_YEAR = 365 * 86_400.0


async def test_a_closed_row_that_holds_a_seat_is_kept_until_the_seat_is_given_back(tmp_path: Path, clock: SetClock) -> None:
    async with opened(tmp_path, clock=clock) as ledger:
        debt = await cleaned_up(ledger, await seated(ledger, 1))
        await ledger.settle(debt, state=LogoutState.CLOSED, outcome=UNPROVED, evicted=DRIVERS)
        clock.now += A_YEAR
        await ledger.tidy()
        assert await ledger.held_seats(POOL) == HeldSeats(unproved=1)
        await ledger.let_go_unknown(1)
        await ledger.tidy()
        assert await every_row(ledger) == []


def test_whether_a_seat_is_free_is_told_without_reading_open_sessions(tmp_path: Path) -> None:
    build(tmp_path / NAME)
    asked: list[str] = []
    with closing(sqlite3.connect(tmp_path / NAME)) as file:
        file.set_trace_callback(asked.append)
        assert opening_rows.begin(FileTable(file, KEYS), replace(opening(session(1)), pool=POOL), seats=1)
        file.set_trace_callback(None)
        (question,) = [text for text in asked if "count(" in text]
        plan = [step for *_, step in file.execute(f"EXPLAIN QUERY PLAN {question}")]  # the question is ours
    read = [step for step in plan if step.startswith(("SEARCH", "SCAN ")) and "COVERING INDEX" not in step]
    assert [step for step in read if " debts " not in step and "CONSTANT ROW" not in step] == []
