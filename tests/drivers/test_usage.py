"""What is held of a system, counted for a person: with a bound, so that it holds nobody up."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.aiocached.aiocache_driver import AiocacheDriver
from drivers.aiocached.aiocache_settings import AiocacheSettings
from drivers.contract import MOST_COUNTED, Driver, SessionScope, SystemScope
from drivers.memory import MemoryDriver
from drivers.sqlite import SqliteDriver
from drivers.testing.subject import keep_copy, opened
from tests.drivers.stores import aiocache_driver
from tests.servers import RealServer

SYSTEM = SystemScope("A")
MANY = 500
"""Entries that are stored at a time."""
MADE: dict[str, Callable[[Path], Driver]] = {
    "memory": lambda _: MemoryDriver("memory", MemoryDriver.Settings()),
    "aiocache's memory": lambda _: AiocacheDriver("aiocache", AiocacheSettings(backend="memory")),
    "sqlite": lambda folder: SqliteDriver("sqlite", SqliteDriver.Settings(path=folder / "cache.sqlite3")),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE.keys())
async def test_of_a_system_with_very_many_entries_some_are_counted_and_it_is_told(
    tmp_path: Path, make: Callable[[Path], Driver]
) -> None:
    async with opened(make(tmp_path)) as driver:
        for start in range(0, MOST_COUNTED, MANY):
            keys = [str(start + number) for number in range(MANY)]
            await asyncio.gather(*(keep_copy(driver, SYSTEM, key, b"value") for key in keys))
        whole = await driver.usage(SYSTEM)
        await keep_copy(driver, SYSTEM, "one more", b"value")
        part = await driver.usage(SYSTEM)

    assert [used and (used.entries, used.complete) for used in (whole, part)] == [(MOST_COUNTED, True), (MOST_COUNTED, False)]


async def test_of_a_system_with_very_many_sessions_on_redis_some_are_counted(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis")) as driver:
        sessions = [SessionScope(f"s{number}", "A") for number in range(501)]
        await asyncio.gather(*(keep_copy(driver, session, "key", b"v" * 1000) for session in sessions[:500]))
        whole = await driver.usage(SYSTEM)
        await keep_copy(driver, sessions[500], "key", b"v" * 1000)
        part = await driver.usage(SYSTEM)

    assert [used and (used.entries, used.complete) for used in (whole, part)] == [(500, True), (500, False)]
    assert whole is not None
    assert 500 * 1000 < (whole.bytes or 0) < 500 * 3000


async def test_a_store_that_cannot_list_what_it_holds_tells_nothing(memcached: RealServer) -> None:
    async with opened(aiocache_driver(memcached, "memcached")) as driver:
        await keep_copy(driver, SYSTEM, "key", b"value")
        assert await driver.usage(SYSTEM) is None
