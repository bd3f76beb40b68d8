"""The bound of a cache file: what was stored first makes room, and nothing else changes."""

import asyncio
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest
from structlog.testing import capture_logs

from drivers import Driver, SessionScope, SystemScope
from drivers.sqlite import SqliteDriver
from drivers.sqlite_file import SqliteFile
from drivers.testing.subject import current, entry, found, keep, keep_copy, opened, purge_all
from tests.drivers.sqlite_rows import rows

SESSION, OTHER, SYSTEM = SessionScope("s1", "A"), SessionScope("s2", "A"), SystemScope("A")
MIB = 1024 * 1024
WITHIN = 60.0


def driver_on(path: Path, mib: int) -> SqliteDriver:
    return SqliteDriver("sqlite", SqliteDriver.Settings(path=path, max_bytes=mib * MIB))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.sqlite3"


async def fill(driver: Driver, numbers: Sequence[int], size: int = 3_000, *, scope: SessionScope = SESSION) -> None:
    """Put entries that are named by these numbers in their order, as many in one transaction as there is always room for."""
    stamp, values = await driver.stamp(scope), random.Random(size)
    for some in batched(numbers, max(1, 30_000 // size)):
        await asyncio.gather(*(driver.put_if_current(scope, str(each), entry(values.randbytes(size), stamp)) for each in some))


def batched(numbers: Sequence[int], many: int) -> Iterator[Sequence[int]]:
    return (numbers[start : start + many] for start in range(0, len(numbers), many))


async def still_there(driver: Driver, numbers: Sequence[int]) -> list[int]:
    return [number for number in numbers if await current(driver, SESSION, str(number)) is not None]


async def until_it_takes(path: Path, most: int) -> None:
    """Wait until the file has no more pages than this, whatever of it still lies in the log."""
    async with asyncio.timeout(WITHIN):
        while pages(path) > most:  # noqa: ASYNC110 - another thread writes to it
            await asyncio.sleep(0.01)


def pages(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,), (size,) = (connection.execute(f"PRAGMA {what}").fetchone() for what in ("page_count", "page_size"))
    return int(count * size)


@pytest.mark.parametrize("size", [100, 3_000, 60_000])
async def test_a_file_stays_within_its_bound_however_much_is_put(path: Path, size: int) -> None:
    numbers = range(12 * MIB // (size + 700))
    async with opened(driver_on(path, 4)) as driver:
        for some in batched(numbers, 1 + len(numbers) // 40):
            await fill(driver, some, size)
            assert pages(path) <= 4 * MIB
    assert 2 * MIB < path.stat().st_size <= 4 * MIB


async def test_what_was_stored_first_makes_room_and_a_read_saves_nothing(path: Path) -> None:
    numbers = range(1_000)
    async with opened(driver_on(path, 2)) as driver:
        for some in batched(numbers, 10):
            await fill(driver, some)
            await found(driver, SESSION, "0")
        left = await still_there(driver, numbers)
    assert left == [*numbers[-len(left) :]]
    assert 200 < len(left) < 600


async def test_what_is_stored_anew_is_the_newest(path: Path) -> None:
    async with opened(driver_on(path, 2)) as driver:
        for some in batched(range(1_000), 100):
            await keep(driver, SESSION, "again", b"and again")
            await fill(driver, some)
        assert await current(driver, SESSION, "again") == b"and again"


async def test_an_entry_that_went_is_a_miss_and_its_scope_lives_on(path: Path) -> None:
    async with opened(driver_on(path, 1)) as driver:
        stamp = await driver.stamp(SESSION)
        await keep(driver, SESSION, "first", b"value")
        await fill(driver, range(500))
        assert await found(driver, SESSION, "first") is None
        assert await driver.stamp(SESSION) == stamp
        assert await driver.put_if_current(SESSION, "first", entry(b"again", stamp))


async def test_what_nobody_can_reach_makes_room_before_anything_else(path: Path) -> None:
    async with opened(driver_on(path, 4)) as driver:
        await fill(driver, range(100))
        await fill(driver, range(400), scope=OTHER)
        await driver.evict(OTHER)
        await fill(driver, range(100, 400))
        assert await still_there(driver, range(400)) == [*range(400)]


async def test_an_entry_that_is_too_large_is_not_kept_and_warned_of_once(path: Path) -> None:
    async with opened(driver_on(path, 1)) as driver:
        await fill(driver, range(10))
        stamp = await driver.stamp(SESSION)
        with capture_logs() as logs:
            for size in (2 * MIB, MIB // 8):
                assert not await driver.put_if_current(SESSION, "large", entry(bytes(size), stamp))
        assert [line["log_level"] for line in logs] == ["warning"]
        assert await found(driver, SESSION, "large") is None
        assert await still_there(driver, range(10)) == [*range(10)]


async def test_a_copy_that_is_not_kept_leaves_none_of_before(path: Path) -> None:
    async with opened(driver_on(path, 1)) as driver:
        await keep_copy(driver, SESSION, "key", b"before")
        await driver.put(SESSION, "key", entry(bytes(2 * MIB)))
        assert await found(driver, SESSION, "key") is None


async def test_a_file_that_is_over_its_bound_at_the_start_shrinks_and_keeps_what_is_newest(path: Path) -> None:
    numbers = range(1_500)
    async with opened(driver_on(path, 16)) as driver:
        await fill(driver, numbers)
        await keep(driver, SESSION, "newest", b"value")
    assert path.stat().st_size > 4 * MIB
    async with opened(driver_on(path, 2)) as driver:
        await until_it_takes(path, 2 * MIB)
        assert await current(driver, SESSION, "newest") == b"value"
    assert path.stat().st_size <= 2 * MIB
    async with opened(driver_on(path, 16)) as driver:
        await fill(driver, numbers)
        assert await still_there(driver, numbers) == [*numbers]


async def test_a_file_that_several_share_stays_within_its_bound(path: Path) -> None:
    async with opened(driver_on(path, 4)) as one, opened(driver_on(path, 4)) as two:
        for some in batched(range(4_000), 100):
            await asyncio.gather(fill(one, some[:50]), fill(two, some[50:]))
        await until_it_takes(path, 4 * MIB)
        newest = await still_there(two, range(3_000, 4_000))
        assert await still_there(one, newest) == newest


async def test_while_others_store_faster_than_room_is_made_nothing_more_is_kept(path: Path) -> None:
    async with opened(driver_on(path, 2)) as driver:
        stamp = await driver.stamp(SESSION)
        with held(path):
            puts = [asyncio.create_task(driver.put_if_current(SESSION, str(n), entry(bytes(30_000), stamp))) for n in range(200)]
            await asyncio.wait(puts, timeout=WITHIN, return_when=asyncio.FIRST_COMPLETED)
        kept = await asyncio.gather(*puts)
        assert 0 < kept.count(True) < 70
        await until_it_takes(path, 2 * MIB)
        assert await driver.put_if_current(SESSION, "later", entry(bytes(30_000), stamp))


async def test_large_entries_are_freed_few_at_a_time(path: Path) -> None:
    async with opened(driver_on(path, 256)) as driver:
        for number in range(6):
            await keep(driver, OTHER, str(number), bytes(4 * MIB))
        await driver.evict(OTHER)
        assert await driver.purge(250)
        assert 0 < rows(path, "entries") < 6
        await purge_all(driver)
        assert rows(path, "entries") == 0


async def test_the_file_of_an_older_version_is_begun_anew(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE entries (bucket BLOB, key BLOB, value BLOB, PRIMARY KEY (bucket, key)) WITHOUT ROWID")
        connection.execute("PRAGMA application_id = 0x4F504843")
        connection.execute("PRAGMA user_version = 1")
    with capture_logs() as logs:
        async with opened(driver_on(path, 1)) as driver:
            await keep(driver, SESSION, "key", b"value")
            assert await current(driver, SESSION, "key") == b"value"
    assert [line["log_level"] for line in logs] == ["info"]
    assert [each.name for each in path.parent.iterdir() if "corrupt" in each.name] == []


class held:  # noqa: N801 - used as a word
    """Keep everybody from writing to the file, from a thread of its own, while the context is open."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path)
        self._is_held, self._let_go = Event(), Event()
        self._thread = Thread(target=self._hold)

    def __enter__(self) -> None:
        self._thread.start()
        assert self._is_held.wait(WITHIN)

    def __exit__(self, *_: object) -> None:
        self._let_go.set()
        self._thread.join()
        self._file.close()

    def _hold(self) -> None:
        with self._file.locked():
            self._is_held.set()
            self._let_go.wait(WITHIN)
