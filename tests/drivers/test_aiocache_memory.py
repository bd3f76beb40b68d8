"""The aiocache driver in this process's memory: the contract, and what only a clock of one's own can show."""

import asyncio

import pytest

from drivers.aiocached import AiocacheDriver, AiocacheSettings
from drivers.contract import MAX_TTL, SessionScope, SystemScope
from drivers.testing import DriverContract, MakeDriver
from drivers.testing.subject import current, entry, found, keep, keep_copy, opened, purge_all
from tests.drivers.time_ahead import TimeAhead

SESSION, SYSTEM = SessionScope("s1", "A"), SystemScope("A")


def in_memory(clock: TimeAhead) -> AiocacheDriver:
    return AiocacheDriver("near", AiocacheSettings(backend="memory"), clock=clock)


class TestAiocacheMemory(DriverContract):
    @pytest.fixture
    def make_driver(self) -> MakeDriver:
        return lambda store="one": AiocacheDriver(store, AiocacheSettings(backend="memory"))


async def test_the_end_of_an_old_value_does_not_take_the_new_one_along() -> None:
    clock = TimeAhead()
    async with opened(in_memory(clock)) as driver:
        for scope in (SESSION, SYSTEM):
            await driver.put(scope, "overwritten", entry(b"old", ttl=60))
            await driver.put(scope, "overwritten", entry(b"new", ttl=600))
            await driver.put(scope, "deleted", entry(b"old", ttl=60))
            await driver.delete(scope, "deleted")
            await driver.put(scope, "deleted", entry(b"new", ttl=600))
            await driver.put(scope, "evicted", entry(b"old", ttl=60))
        await driver.evict(SYSTEM)
        for key in ("overwritten", "deleted", "evicted"):
            await driver.put(SESSION, key, entry(b"new", ttl=600))
        clock.seconds = 200
        await purge_all(driver)
        assert [await found(driver, SESSION, key) for key in ("overwritten", "deleted", "evicted")] == [b"new"] * 3


async def test_expired_entries_are_freed_whatever_lives_beside_them() -> None:
    clock = TimeAhead()
    async with opened(in_memory(clock)) as driver:
        for number in range(50):
            await driver.put(SESSION, str(number), entry(ttl=60))
        await driver.put(SESSION, "key", entry(b"long-lived", ttl=600))
        clock.seconds = 200
        await purge_all(driver)
        assert (await driver.statistics()).entries == 1
        assert await found(driver, SESSION, "key") == b"long-lived"


async def test_a_generation_unused_for_longer_than_any_entry_lives_is_forgotten() -> None:
    clock = TimeAhead()
    async with opened(in_memory(clock)) as driver:
        stamp = await driver.stamp(SESSION)
        await driver.put(SESSION, "key", entry(ttl=MAX_TTL))
        clock.seconds = MAX_TTL - 60
        await purge_all(driver)
        assert await found(driver, SESSION, "key") is not None
        assert await driver.stamp(SESSION) == stamp
        clock.seconds += MAX_TTL + 2 * 24 * 3600
        await purge_all(driver)
        assert await driver.stamp(SESSION) != stamp


async def test_freeing_much_lets_others_have_their_turn_in_between() -> None:
    turns = 0
    async with opened(in_memory(TimeAhead())) as driver:
        for number in range(2_000):
            await keep_copy(driver, SESSION, str(number), b"value")
        await driver.evict(SESSION)
        purging = asyncio.create_task(purge_all(driver, 10_000))
        while not purging.done():
            await asyncio.sleep(0)
            turns += 1
        await purging
        assert (await driver.statistics()).entries == 0
    assert turns >= 20


async def test_the_bytes_are_bounded_and_what_was_stored_first_makes_room() -> None:
    async with opened(AiocacheDriver("near", AiocacheSettings(backend="memory", max_bytes=1_000_000))) as driver:
        for number in range(300):
            await keep(driver, SESSION if number % 2 else SYSTEM, str(number), bytes(9_000))
            assert ((await driver.statistics()).bytes or 0) <= 1_000_000
        await keep(driver, SESSION, "newest", b"value")
        held = [number for number in range(300) if await current(driver, SESSION if number % 2 else SYSTEM, str(number))]

        assert held == [*range(300 - len(held), 300)]
        assert len(held) > 90
        assert await current(driver, SESSION, "newest") == b"value"


async def test_an_entry_larger_than_the_bound_is_not_kept_and_leaves_none_of_before() -> None:
    async with opened(AiocacheDriver("near", AiocacheSettings(backend="memory", max_bytes=10_000))) as driver:
        await keep(driver, SYSTEM, "other", b"value")
        await keep_copy(driver, SESSION, "key", b"before")
        await driver.put(SESSION, "key", entry(bytes(20_000)))
        assert not await driver.put_if_current(SESSION, "key", entry(bytes(20_000), await driver.stamp(SESSION)))

        assert await found(driver, SESSION, "key") is None
        assert await current(driver, SYSTEM, "other") == b"value"


async def test_what_nobody_can_reach_makes_room_before_anything_else() -> None:
    async with opened(AiocacheDriver("near", AiocacheSettings(backend="memory", max_bytes=100_000))) as driver:
        await keep(driver, SYSTEM, "first", b"value")
        for number in range(8):
            await keep(driver, SESSION, str(number), bytes(9_000))
        await driver.evict(SESSION)
        for number in range(8):
            await keep(driver, SESSION, str(number), bytes(9_000))

        assert await current(driver, SYSTEM, "first") == b"value"
