"""The SQLite driver and other processes on the same file: evictions cross over at once, and outlive whoever acknowledged them."""

import asyncio
import fcntl
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from drivers.contract import SessionScope, SystemScope
from drivers.sqlite import SqliteDriver
from drivers.testing.subject import current, entry, found, keep, opened, purge_all
from tests.drivers.peer_process import peer_on
from tests.drivers.sqlite_rows import rows

SESSION = SessionScope("s1", "A")


def driver_on(path: Path) -> SqliteDriver:
    return SqliteDriver("sqlite", SqliteDriver.Settings(path=path))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.sqlite3"


@pytest.mark.parametrize("command", ["evict s1", "evict_system"])
async def test_what_another_process_evicts_is_missed_at_once(path: Path, command: str) -> None:
    async with opened(driver_on(path)) as driver, peer_on(path) as peer:
        for _ in range(10):
            late = entry(b"stale", await driver.stamp(SESSION))
            await keep(driver, SESSION, "key", b"value")
            assert await peer.ask("find s1") == "5"
            assert await peer.ask(command) == "evicted"
            assert await driver.get(SESSION, "key") is None
            assert await driver.stamp(SESSION) != late.stamp
            assert not await driver.put_if_current(SESSION, "key", late)
            assert await peer.ask("find s1") == "missing"


async def test_what_this_process_evicts_is_missed_by_another_at_once(path: Path) -> None:
    async with opened(driver_on(path)) as driver, peer_on(path) as peer:
        for _ in range(10):
            assert await peer.ask("keep s1 100") == "kept"
            assert await peer.ask("find s1") == "100"
            await driver.evict(SystemScope("A"))
            assert await peer.ask("find s1") == "missing"


@pytest.mark.parametrize("acknowledged", [1, 7, 40, 111])
async def test_a_killed_process_takes_no_acknowledged_eviction_with_it(path: Path, acknowledged: int) -> None:
    async with peer_on(path) as peer:
        peer.tell("keep_and_evict 0 100000")
        lines = [await peer.answer() for _ in range(acknowledged)]
        await peer.kill()
        while line := await peer.answer():
            lines.append(line)
    async with opened(driver_on(path)) as driver:
        for number, old in (line.split() for line in lines):
            session = SessionScope(number, "A")
            assert await found(driver, session, "key") is None
            assert (await driver.stamp(session)).hex() != old
        await driver.ping()


async def test_a_purge_goes_on_where_a_killed_process_left_it(path: Path) -> None:
    async with peer_on(path) as peer:
        assert await peer.ask("keep survivor 100") == "kept"
        peer.tell("keep_and_evict 0 30")
        assert [await peer.answer() for _ in range(31)][-1] == "done"
        await peer.kill()
    async with opened(driver_on(path)) as driver:
        assert rows(path, "entries") == 31
        await purge_all(driver, 7)
        assert await current(driver, SessionScope("survivor", "A"), "key") == b"x" * 100
        assert {table: rows(path, table) for table in ("entries", "garbage", "generations", "buckets")} == {
            "entries": 1,
            "garbage": 0,
            "generations": 3,  # the session's, its system's, and that of everything
            "buckets": 3,
        }


async def test_several_processes_that_write_at_once_all_get_their_turn(path: Path) -> None:
    async with opened(driver_on(path)) as driver, AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(peer_on(path)) for _ in range(3)]
        for number, peer in enumerate(peers):
            peer.tell(f"keep_and_evict {number * 1000} {number * 1000 + 50}")
        for number in range(50):
            await keep(driver, SessionScope("mine", "B"), str(number), b"value")
        answers = [[await peer.answer() for _ in range(51)] for peer in peers]
        assert [each[-1] for each in answers] == ["done"] * 3
        assert await driver.get(SessionScope("mine", "B"), "49") is not None


async def test_a_disk_that_refuses_to_write_fails_the_calls_only_until_it_writes_again(path: Path) -> None:
    async with peer_on(path) as peer:
        assert await peer.ask("keep s1 100") == "kept"
        assert await peer.ask("limit_file_size 65536") == "limited"
        answer = await peer.ask("keep s2 400000")
        assert answer.startswith("DriverUnavailable: ")
        assert str(path) in answer
        assert "disk" in answer
        assert await peer.ask("find s1") == "100"
        assert await peer.ask("limit_file_size -1") == "limited"
        assert await peer.ask("keep s2 400000") == "kept"
        assert await peer.ask("evict s1") == "evicted"
        assert [await peer.ask("find s1"), await peer.ask("find s2")] == ["missing", "400000"]


async def test_an_eviction_whose_caller_gave_up_behind_a_stuck_process_is_done(path: Path) -> None:
    async with opened(driver_on(path)) as driver:
        await keep(driver, SESSION, "key", b"value")
        stuck = os.open(f"{path}.lock", os.O_RDWR)
        fcntl.flock(stuck, fcntl.LOCK_EX)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await driver.evict(SESSION)
        assert await current(driver, SESSION, "key") == b"value"
        os.close(stuck)
        await driver.ping()  # writes, after what was to be written before
        assert await found(driver, SESSION, "key") is None


async def test_a_process_without_a_descriptor_left_stores_and_evicts(path: Path) -> None:
    async with opened(driver_on(path)) as driver, peer_on(path) as peer:
        assert await peer.ask("find s1") == "missing"
        assert (await peer.ask("take_all_descriptors")).startswith("took ")
        assert await peer.ask("keep s1 100") == "kept"
        assert await current(driver, SESSION, "key") == b"x" * 100
        assert await peer.ask("evict s1") == "evicted"
        assert await found(driver, SESSION, "key") is None
