"""A hundred thousand open sessions: a quick start, little memory, and who is idle is found without a look at the others."""

import sqlite3
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path
from secrets import token_urlsafe

import pytest

from connector.ledger.fingerprints import pools
from connector.ledger.sql import session_rows
from connector.ledger.sqlite.file_table import FileTable
from connector.ledger.sqlite.recovery import build
from connector.ledger.testing.ticking import ticks
from connector.model.seat_pools import HeldSeats, Seat
from connector.model.sessions import Use
from connector.sessions.live import LiveSessions
from tests.ledger.ledgers import KEYS, NAME, START, opened, session
from tests.ledger.test_scale import LOOSE, ROWS, measured

POOL = "the licence"
SEATED = 100
READY = 2.0
"""Seconds of this process until the sessions are known, whatever else the machine does."""
NOBODY = {"unused_since": None, "opened_since": None, "unanswered_since": None}


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of many open sessions, some of which hold a seat."""
    folder = tmp_path_factory.mktemp("sessions")
    build(folder / NAME)
    connection = sqlite3.connect(folder / NAME, isolation_level=None)
    connection.execute("BEGIN")
    table, seat = FileTable(connection, KEYS), Seat(pools(POOL, KEYS)[0], 0)
    for number in range(ROWS):
        made = session(number, f"token {number}", token_urlsafe(16))
        session_rows.insert(table, replace(made, seat=seat if number < SEATED else None))
    connection.execute("COMMIT")
    connection.close()
    return folder


@pytest.mark.slow
async def test_a_hundred_thousand_open_sessions_delay_neither_the_start_nor_a_tick(crowd: Path) -> None:
    async with opened(crowd) as ledger:
        live = LiveSessions(ledger)
        with measured("learning which sessions are open", READY, clock=time.process_time):
            await live.load()
        assert len(live) == ROWS
        with measured("ten ticks", LOOSE / 4):
            await ticks(ledger, 10)
        with measured("finding out that nobody is idle", LOOSE / 4):
            assert await ledger.idle(**{**NOBODY, "unused_since": -1, "opened_since": -1}, limit=200) == []
        for condition in NOBODY:
            with measured(f"two hundred of all, {condition}", LOOSE / 4):
                assert len(await ledger.idle(**{**NOBODY, condition: 9}, limit=200)) == 200
        with measured("the longest idle holder of a seat", LOOSE / 4):
            (longest,) = await ledger.idle_holders(POOL, unused_since=9, limit=1)
        assert longest.session_id == session(0).session_id
        oldest = await ledger.idle(**{**NOBODY, "opened_since": 9}, limit=200)
        used = {each.session_id: Use(each.login_id, START) for each in oldest}
        with measured("noting the use of two hundred", LOOSE / 4):
            await ledger.note_use(used)
        with measured("counting seats", LOOSE / 4):
            assert await ledger.held_seats(POOL) == HeldSeats(sessions=SEATED)
        with measured("finding out that no holder of a seat is idle", LOOSE / 4):
            assert await ledger.idle_holders(POOL, unused_since=9, limit=1) == []
        with measured("totals", LOOSE):
            assert (await ledger.statistics()).sessions == ROWS


@pytest.mark.slow
async def test_an_open_session_takes_four_hundred_bytes_of_memory_at_most(crowd: Path) -> None:
    async with opened(crowd) as ledger:
        await ledger.known_sessions()
        tracemalloc.start()
        try:
            live = LiveSessions(ledger)
            await live.load()
            assert tracemalloc.get_traced_memory()[0] / len(live) < 400
        finally:
            tracemalloc.stop()
