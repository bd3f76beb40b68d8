"""The memory driver's bounds: what was not read for long makes room, and nothing else changes."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from drivers import Driver, Entry, SessionScope, Stamp, SystemScope
from drivers.memory import MemoryDriver, MemorySettings
from drivers.testing.subject import current, entry, found, keep, keep_copy, opened

SESSION, OTHER, SYSTEM = SessionScope("s1", "A"), SessionScope("s2", "A"), SystemScope("A")
MEGABYTE = 1_000_000


def memory(*, entries: int = 100, megabytes: int = 10) -> MemoryDriver:
    return MemoryDriver("memory", MemorySettings(max_entries=entries, max_bytes=megabytes * MEGABYTE))


@pytest.fixture
async def driver() -> AsyncIterator[Driver]:
    async with opened(memory()) as driver:
        yield driver


async def held(driver: Driver) -> int:
    return (await driver.statistics()).entries or 0


async def test_there_are_never_more_entries_than_allowed(driver: Driver) -> None:
    for number in range(250):
        await keep(driver, SESSION if number % 2 else SYSTEM, str(number), b"value")
        assert await held(driver) == min(number + 1, 100)
    assert await current(driver, SESSION, "249") == b"value"


async def test_what_is_read_again_and_again_outlives_what_is_not(driver: Driver) -> None:
    await keep(driver, SESSION, "read", b"value")
    await keep(driver, SESSION, "unread", b"value")
    for number in range(1_000):
        await keep(driver, SESSION, str(number), b"value")
        assert await current(driver, SESSION, "read") == b"value"
    assert await current(driver, SESSION, "unread") is None


async def test_there_is_room_for_a_new_entry_when_all_others_were_just_read(driver: Driver) -> None:
    for number in range(100):
        await keep(driver, SESSION, str(number), b"value")
        await current(driver, SESSION, str(number))
    await keep(driver, SESSION, "new", b"value")
    assert await current(driver, SESSION, "new") == b"value"
    assert await held(driver) == 100


async def test_the_bytes_are_bounded_too(driver: Driver) -> None:
    for number in range(50):
        await keep(driver, SESSION, str(number), bytes(MEGABYTE))
    assert await held(driver) == 9
    await keep(driver, SESSION, "large", bytes(9 * MEGABYTE))
    assert await held(driver) == 1


async def test_an_entry_in_the_place_of_another_counts_once(driver: Driver) -> None:
    await keep(driver, SYSTEM, "other", b"value")
    for size in (8 * MEGABYTE, 1, 8 * MEGABYTE, 1):
        await keep(driver, SESSION, "key", bytes(size))
    for number in range(98):
        await keep(driver, SESSION, str(number), b"value")
    assert await held(driver) == 100


async def test_an_entry_that_never_fits_is_not_kept_and_drives_nothing_out(driver: Driver) -> None:
    await keep(driver, SESSION, "key", b"value")
    huge = Entry(bytes(11 * MEGABYTE), await driver.stamp(SESSION), time.time() + 60)
    assert not await driver.put_if_current(SESSION, "huge", huge)
    await driver.put(SESSION, "huge", huge)
    assert await found(driver, SESSION, "huge") is None
    assert await current(driver, SESSION, "key") == b"value"


async def test_what_was_evicted_makes_room_before_anything_that_is_alive(driver: Driver) -> None:
    for number in range(50):
        await keep_copy(driver, SESSION, str(number), b"value")
        await keep_copy(driver, OTHER, str(number), b"value")
    await driver.evict(OTHER)
    for number in range(50, 100):
        await keep_copy(driver, SESSION, str(number), b"value")
    assert [await found(driver, SESSION, str(number)) for number in range(100)] == [b"value"] * 100


async def test_others_have_their_turn_while_thousands_make_room_for_one() -> None:
    async with opened(memory(entries=20_000)) as driver:
        for number in range(12_000):
            await keep(driver, SESSION, str(number), b"value")
        making_room = asyncio.create_task(keep(driver, SYSTEM, "large", bytes(9 * MEGABYTE)))
        turns = 0
        while not making_room.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 8
        assert await current(driver, SYSTEM, "large") == bytes(9 * MEGABYTE)


async def test_an_eviction_while_room_is_made_refuses_the_late_writer() -> None:
    async with opened(memory(entries=20_000)) as driver:
        for number in range(12_000):
            await keep(driver, SESSION, str(number), b"value")
        late = Entry(bytes(9 * MEGABYTE), Stamp(await driver.stamp(SYSTEM)), time.time() + 60)
        making_room = asyncio.create_task(driver.put_if_current(SYSTEM, "large", late))
        await asyncio.sleep(0)
        await driver.evict(SYSTEM)
        assert not await making_room


async def test_a_copy_that_is_too_large_leaves_none_of_before(driver: Driver) -> None:
    await keep_copy(driver, SESSION, "key", b"before")
    await driver.put(SESSION, "key", entry(bytes(11 * MEGABYTE)))
    assert await found(driver, SESSION, "key") is None
