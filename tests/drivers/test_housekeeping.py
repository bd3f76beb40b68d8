"""The two local drivers with a clock of their own: what expires or lies idle is freed, and what lives is not."""

import asyncio
import itertools
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from drivers.contract import MAX_TTL, Driver, Entry, Scope, SessionScope, SystemScope
from drivers.memory import MemoryDriver, MemorySettings
from drivers.sqlite import SqliteDriver, statements
from drivers.sqlite.cache_schema import open_cache
from drivers.sqlite.freeing import purge
from drivers.sqlite_file import SqliteFile
from drivers.testing.subject import found, opened, purge_all
from tests.drivers.sqlite_rows import rows

SESSION, SYSTEM = SessionScope("s1", "A"), SystemScope("A")
DAY = 24 * 3600.0


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.sqlite3"


@pytest.fixture(params=["memory", "sqlite"])
async def driver(request: pytest.FixtureRequest, path: Path, clock: Clock) -> AsyncIterator[Driver]:
    drivers: dict[str, Driver] = {
        "memory": MemoryDriver("memory", MemoryDriver.Settings(), clock=clock),
        "sqlite": SqliteDriver("sqlite", SqliteDriver.Settings(path=path), clock=clock),
    }
    async with opened(drivers[request.param]) as driver:
        yield driver


async def _load(driver: Driver, key: str, expires_at: float) -> bool:
    return await driver.put_if_current(SESSION, key, Entry(b"value", await driver.stamp(SESSION), expires_at))


async def test_an_entry_is_missed_from_the_moment_on_at_which_it_expires(driver: Driver, clock: Clock) -> None:
    assert await _load(driver, "key", clock.now + 60)
    clock.now += 59.9
    assert await found(driver, SESSION, "key") == b"value"
    clock.now += 0.1
    assert await driver.get(SESSION, "key") is None
    assert not await _load(driver, "key", clock.now)


async def test_the_longest_life_ends_before_its_generation_is_forgotten(driver: Driver, clock: Clock) -> None:
    assert await _load(driver, "key", clock.now + 10 * MAX_TTL)
    clock.now += MAX_TTL - 1
    await purge_all(driver)
    assert await found(driver, SESSION, "key") == b"value"
    clock.now += 1
    assert await driver.get(SESSION, "key") is None


async def test_a_generation_is_forgotten_when_nothing_was_put_for_a_month(driver: Driver, clock: Clock) -> None:
    assert await _load(driver, "key", clock.now + 60)
    old = await driver.stamp(SESSION)
    for _ in range(3):
        clock.now += 29 * DAY
        await purge_all(driver)
        assert await _load(driver, "key", clock.now + 60)
        assert await driver.stamp(SESSION) == old
    clock.now += 32 * DAY
    await purge_all(driver)
    assert await driver.stamp(SESSION) != old


async def test_after_a_month_of_silence_nothing_is_left_in_the_file(path: Path, clock: Clock) -> None:
    async with opened(SqliteDriver("sqlite", SqliteDriver.Settings(path=path), clock=clock)) as driver:
        for number in range(300):
            await driver.put(SessionScope(str(number), "A"), "key", Entry(b"", await driver.stamp(SYSTEM), clock.now + 60))
        clock.now += 32 * DAY
        await purge_all(driver)
        assert [rows(path, table) for table in ("generations", "buckets", "garbage", "entries")] == [0, 0, 0, 0]


async def test_expired_entries_are_freed_without_being_asked_for(clock: Clock) -> None:
    async with opened(MemoryDriver("memory", MemoryDriver.Settings(), clock=clock)) as driver:
        for number in range(3000):
            assert await _load(driver, str(number), clock.now + 60 + number % 3 * 3600)
        for remaining in (3000, 2000, 1000, 0):
            await purge_all(driver)
            assert (await driver.statistics()).entries == remaining
            clock.now += 3600


async def test_overwriting_an_entry_for_ever_piles_nothing_up(clock: Clock) -> None:
    async with opened(MemoryDriver("memory", MemoryDriver.Settings(), clock=clock)) as driver:
        for _ in range(1000):
            clock.now += 30
            assert await _load(driver, "key", clock.now + DAY)
        assert (await driver.statistics()).entries == 1
        await purge_all(driver)
        assert await found(driver, SESSION, "key") == b"value"


async def test_freeing_a_large_bucket_never_holds_the_event_loop_up(clock: Clock) -> None:
    """The bound is loose, for machines that are busy: ten times what a slice takes on an idle one."""
    async with opened(MemoryDriver("memory", MemorySettings(max_entries=200_000), clock=clock)) as driver:
        entry = Entry(b"value", await driver.stamp(SESSION), clock.now + 3600)
        for number in range(200_000):
            await driver.put(SESSION, str(number), entry)
        await driver.evict(SESSION)
        freeing = asyncio.create_task(driver.purge(10**9))
        slices = []
        while not freeing.done():
            started = time.thread_time()  # not the clock on the wall, which other processes move
            await asyncio.sleep(0)
            slices.append(time.thread_time() - started)
        assert (await driver.statistics()).entries == 0
        assert len(slices) > 100
        assert max(slices) < 0.05


@pytest.mark.parametrize("scope", [SYSTEM, SESSION], ids=["system", "session"])
def test_evicting_costs_the_same_whatever_lies_below(tmp_path: Path, scope: SystemScope | SessionScope) -> None:
    costs = []
    for size in (10, 2000):
        with closing(SqliteFile(tmp_path / f"{size}.sqlite3")) as file, closing(open_cache(file)) as connection:
            connection.execute("BEGIN")
            for number in range(size):
                for session, key in ((SESSION, str(number)), (SessionScope(str(number), "A"), "key")):
                    statements.store(connection, session, key, Entry(b"", statements.mint(connection, session, 0), 60), 0)
            connection.execute("COMMIT")
            costs.append(_steps(connection, scope))
    assert 0 < costs[0] == costs[1]


def test_evictions_that_come_together_take_two_statements(tmp_path: Path) -> None:
    sessions = [SessionScope(str(number), "A") for number in range(60)]
    with closing(SqliteFile(tmp_path / "cache.sqlite3")) as file, closing(open_cache(file)) as connection:
        connection.execute("BEGIN")
        for session in sessions:
            statements.store(connection, session, "key", Entry(b"", statements.mint(connection, session, 0), 60), 0)
        run = _statements(connection)
        statements.evict(connection, [(session,) for session in sessions])
        assert len(run) == 2
        assert not any(statements.name_of(connection, session) for session in sessions)


def test_what_was_evicted_is_freed_by_few_statements_however_many_sessions_it_is_of(tmp_path: Path) -> None:
    sessions = [SessionScope(str(number), "A") for number in range(60)]
    with closing(SqliteFile(tmp_path / "cache.sqlite3")) as file, closing(open_cache(file)) as connection:
        connection.execute("BEGIN")
        for session in sessions:
            statements.store(connection, session, "key", Entry(b"", statements.mint(connection, session, 0), 60), 0)
        statements.evict(connection, [(session,) for session in sessions])
        run = _statements(connection)
        assert not purge(connection, 1_000, 0)
        assert len(run) < 15
        for table in ("entries", "buckets", "garbage"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def _statements(connection: sqlite3.Connection) -> list[str]:
    """Return a list to which every statement is added that the connection runs from now on."""
    run: list[str] = []
    connection.set_trace_callback(run.append)
    return run


def _steps(connection: sqlite3.Connection, scope: Scope) -> int:
    """Count the steps that SQLite's machine takes to evict the scope."""
    steps = itertools.count()
    connection.set_progress_handler(lambda: next(steps) < 0, 1)
    statements.evict(connection, [(scope,)])
    return next(steps)
