"""After the kill: the real application takes up what is owed, by a clock that runs ahead, until nothing is owed any more."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

from connector.app import PARTS, create_app
from connector.assembly.parts import Parts
from connector.config.settings import Settings
from connector.ledger.port import Ledger
from connector.ledger.sql.selection import next_due
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.debts import LogoutState
from connector.preflight.loading import load

WITHIN = 120.0
LOOK_EVERY = 0.005
AHEAD = 400.0
"""Seconds: more than any wait that the retries choose, and than the time for which a running cleanup is left alone."""


class Clock:
    """The time, and as much more as the experiment wants."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


async def recovered(config: Path) -> set[str]:
    """Start the application on a killed server's files, wait until nothing is owed, and return the sessions that are known.

    Raises `AssertionError` if a file is damaged, or a row does not verify.
    """
    clock = Clock()
    settings = load(config, {}).settings
    async with running(settings, clock) as parts:
        await all_done(parts, clock)
        debts = await parts.ledger.listing(states=[*LogoutState], limit=1_000_000)
        assert not [debt for debt in debts if debt.unusable is not None], "a row does not verify"
        assert not parts.ledger.lost_track, "the ledger was damaged"
    must_be_sound(*config.parent.glob("*.sqlite3"))
    return {debt.session_id for debt in debts}


@asynccontextmanager
async def running(settings: Settings, clock: Callable[[], float]) -> AsyncIterator[Parts]:
    """Run the application in this process, without its port."""
    parts = create_app(settings, environ={}, clock=clock)[PARTS]
    async with parts.running(5):
        yield parts


async def all_done(parts: Parts, clock: Clock) -> None:
    """Let time pass until no logout and no eviction is owed. What needs attention counts as owed."""
    async with asyncio.timeout(WITHIN):
        while True:
            totals = await parts.ledger.statistics()
            if not (totals.owed or totals.evictions or totals.waiting):
                return
            if await nothing_is_due(parts.ledger, clock):
                clock.ahead += AHEAD
                parts.retries.nudge()
            await asyncio.sleep(LOOK_EVERY)


async def nothing_is_due(ledger: Ledger, clock: Callable[[], float]) -> bool:
    """Whether everything that was due has been tried, and its outcome recorded.

    `Ledger.next_due` would leave out what is being tried right now. Its row says that it is due until its outcome is recorded.
    """
    assert isinstance(ledger, SqliteLedger)
    soonest = await ledger.transact(lambda table: next_due(table, clock()))
    return soonest is None or soonest > clock()


def must_be_sound(*files: Path) -> None:
    """Raise `AssertionError` unless SQLite finds every page of the files in order."""
    for file in files:
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
