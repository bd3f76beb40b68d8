"""Cleanups that have no login to end: what they evict is owed only where it is not done soon."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from connector.api.answers import answer
from connector.cache.storage import Storage
from connector.cleanups.hooks import Hooks
from connector.cleanups.orchestrator import Orchestrator
from connector.config.settings import StorageDeadlines
from connector.ledger.backoff import Backoff
from connector.ledger.bookkeeping import Bookkeeping
from connector.ledger.port import Ledger
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.debts import LogoutState
from connector.model.outcomes import NOTHING_TO_END, EvictResult
from connector.runtime.supervision import OwnedTasks
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from drivers import Driver, DriverUnavailable, Entry, SessionScope, SystemScope
from drivers.memory import MemoryDriver
from drivers.sqlite import SqliteDriver
from drivers.sqlite_file import SqliteFile
from tests.assembly import METRICS, a_ledger, orchestrator
from tests.doubles import ScriptedDriver, ScriptedEndSystem

SESSION = SessionScope("6f1c1d2e-0000-4000-8000-000000000001", "A")
ALL = [*LogoutState]


def request(*, login: str = "", everything: bool = False) -> CleanupRequest:
    return CleanupRequest(SESSION.session_id, "A", everything, Credential(), login_id=login, foregone=NOTHING_TO_END)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[SqliteLedger]:
    async with a_ledger(tmp_path).opened() as ledger:
        yield ledger


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Driver]:
    driver = SqliteDriver("sqlite", SqliteDriver.Settings(path=tmp_path / "cache.sqlite3"))
    await driver.open()
    yield driver
    await driver.aclose()


@pytest.fixture
def near() -> Driver:
    return MemoryDriver("near", MemoryDriver.Settings())


@pytest.fixture
def authority() -> ScriptedDriver:
    return ScriptedDriver("authority", ScriptedDriver.Settings())


async def hold(*drivers: Driver) -> None:
    """Have something cached in each of them."""
    for driver in drivers:
        entry = Entry(b"value", await driver.stamp(SESSION), time.time() + 60)
        assert await driver.put_if_current(SESSION, "key", entry)


async def holds(driver: Driver) -> bool:
    entry = await driver.get(SESSION, "key")
    return entry is not None and entry.stamp == await driver.stamp(SESSION)


@pytest.mark.parametrize("everything", [False, True], ids=["session", "system"])
async def test_what_is_evicted_soon_is_owed_to_nobody(ledger: Ledger, near: Driver, sqlite: Driver, everything: bool) -> None:
    await hold(near, sqlite)
    report = await orchestrator(ScriptedEndSystem(), [near, sqlite], ledger).cleanup(request(everything=everything))
    assert (answer(report).status, report.attempts, report.logout.outcome) == (200, 0, NOTHING_TO_END)
    assert [*report.evictions] == ["near", "sqlite"]
    assert not await holds(near)
    assert not await holds(sqlite)
    assert await ledger.listing(states=ALL) == []


async def test_where_nothing_is_owed_a_ledger_that_does_not_work_is_not_missed(
    ledger: SqliteLedger, near: Driver, sqlite: Driver
) -> None:
    await hold(near, sqlite)
    await ledger.aclose()
    runs = orchestrator(ScriptedEndSystem(), [near, sqlite], ledger)
    for _ in ("with something cached", "with nothing cached"):
        assert answer(await runs.cleanup(request())).status == 200
    assert not await holds(sqlite)


async def test_an_eviction_that_fails_is_owed_and_tried_once_more(
    ledger: Ledger, near: Driver, authority: ScriptedDriver
) -> None:
    tries = 0

    async def fail() -> None:
        nonlocal tries
        tries += 1
        raise DriverUnavailable("away")

    await hold(near, authority)
    authority.before_evict = fail
    report = await orchestrator(ScriptedEndSystem(), [near, authority], ledger).cleanup(request())
    assert (answer(report).status, tries) == (503, 2)
    assert not await holds(near)
    (debt,) = await ledger.listing(states=ALL)
    assert {**debt.evictions} == {"authority": (SESSION,)}


async def test_an_eviction_in_sqlite_that_is_done_soon_takes_no_task(ledger: Ledger, near: Driver, sqlite: Driver) -> None:
    await hold(near, sqlite)
    runs, begun = orchestrator(ScriptedEndSystem(), [near, sqlite], ledger), []

    def note(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        begun.append(work)
        return asyncio.Task(work, loop=loop, **options)

    asyncio.get_running_loop().set_task_factory(note)
    report = await runs.cleanup(request())
    assert begun == []
    assert answer(report).status == 200
    assert not await holds(sqlite)


async def test_an_eviction_in_sqlite_that_takes_its_time_is_owed_until_it_is_done(
    ledger: Ledger, sqlite: Driver, tmp_path: Path
) -> None:
    await hold(sqlite)
    runs = orchestrator(ScriptedEndSystem(), [sqlite], ledger)
    with closing(SqliteFile(tmp_path / "cache.sqlite3")) as other, other.locked():
        cleanup = asyncio.create_task(runs.cleanup(request()))
        while not (owed := await ledger.listing(states=ALL)):  # noqa: ASYNC110 - what is waited for is in a file
            await asyncio.sleep(0)
        assert {**owed[0].evictions} == {"sqlite": (SESSION,)}
    report = await cleanup
    assert (answer(report).status, report.evictions["sqlite"].outcome.result) == (200, EvictResult.EVICTED)
    assert not await holds(sqlite)
    assert await ledger.listing(states=ALL) == []


async def test_an_eviction_in_sqlite_is_owed_also_if_its_caller_has_gone(ledger: Ledger, sqlite: Driver, tmp_path: Path) -> None:
    await hold(sqlite)
    runs = orchestrator(ScriptedEndSystem(), [sqlite], ledger)
    with closing(SqliteFile(tmp_path / "cache.sqlite3")) as other, other.locked():
        cleanup = asyncio.create_task(runs.cleanup(request()))
        await asyncio.sleep(0)
        cleanup.cancel()
        await asyncio.wait([cleanup])
        assert cleanup.cancelled()
        while not await ledger.listing(states=ALL):  # noqa: ASYNC110 - what is waited for is in a file
            await asyncio.sleep(0)
    assert await runs.drain(10) == 0
    assert not await holds(sqlite)
    assert await ledger.listing(states=ALL) == []


async def test_an_eviction_in_sqlite_that_fails_is_owed(ledger: Ledger, sqlite: Driver, tmp_path: Path) -> None:
    await hold(sqlite)
    with closing(sqlite3.connect(tmp_path / "cache.sqlite3", isolation_level=None)) as other:
        other.execute("CREATE TRIGGER none BEFORE DELETE ON generations BEGIN SELECT RAISE(ABORT, 'not now'); END")
        report = await orchestrator(ScriptedEndSystem(), [sqlite], ledger).cleanup(request())
    assert answer(report).status == 503
    (debt,) = await ledger.listing(states=ALL)
    assert {**debt.evictions} == {"sqlite": (SESSION,)}


async def test_an_eviction_that_takes_its_time_is_owed_before_it_is_done(ledger: Ledger, authority: ScriptedDriver) -> None:
    recorded: list[bool] = []

    async def wait_until_it_is_owed() -> None:
        recorded.append(bool(await ledger.listing(states=ALL)))
        while not await ledger.listing(states=ALL):  # noqa: ASYNC110 - what is waited for is in a file
            await asyncio.sleep(0)

    await hold(authority)
    authority.before_evict = wait_until_it_is_owed
    report = await orchestrator(ScriptedEndSystem(), [authority], ledger).cleanup(request())
    assert answer(report).status == 200
    assert report.evictions["authority"].outcome.result is EvictResult.EVICTED
    assert recorded == [False]
    assert not await holds(authority)
    assert await ledger.listing(states=ALL) == []


async def test_a_session_that_had_a_seal_is_remembered_as_closed(ledger: Ledger, near: Driver) -> None:
    await orchestrator(ScriptedEndSystem(), [near], ledger).cleanup(request(login="by-seal"))
    (debt,) = await ledger.listing(states=ALL)
    assert (debt.state, debt.login_id, debt.owes_nothing) == (LogoutState.CLOSED, "by-seal", True)


async def test_hooks_run_once(ledger: Ledger, near: Driver) -> None:
    ran: list[str] = []
    hooks, end_system, tasks = Hooks(), ScriptedEndSystem(), OwnedTasks()

    @hooks.on_system_cleanup
    async def forget_files(system: str) -> None:
        ran.append(system)

    storage, books = Storage([near], StorageDeadlines()), Bookkeeping(ledger, Backoff(604_800))
    logouts = Logouts(end_system, tasks, METRICS, deadline=30)
    runs = Orchestrator(logouts, storage, books, tasks, live=LiveSessions(ledger), hooks=hooks, hook_deadline=30)
    assert [*(await runs.cleanup(request())).hooks] == []
    assert [*(await runs.cleanup(request(everything=True))).hooks] == ["forget_files"]
    assert ran == ["A"]


async def test_a_system_takes_the_sessions_that_are_not_cleaned_up_along(ledger: Ledger, sqlite: Driver) -> None:
    other = SessionScope("6f1c1d2e-0000-4000-8000-000000000002", "A")
    before = [await sqlite.stamp(scope) for scope in (other, SystemScope("A"))]
    await orchestrator(ScriptedEndSystem(), [sqlite], ledger).cleanup(request(everything=True))
    assert not {*before} & {await sqlite.stamp(scope) for scope in (other, SystemScope("A"))}
