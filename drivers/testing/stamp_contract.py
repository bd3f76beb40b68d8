"""Stamps: an authority's word on the current life of a scope."""

import asyncio

import pytest

from drivers.contract import Driver, Scope, SessionScope, SystemScope
from drivers.testing.subject import MakeDriver, Subject, current, entry, is_shared, keep, keep_copy, opened, purge_all

SESSION, ALONE, SYSTEM = SessionScope("s1", "A"), SessionScope("s1"), SystemScope("A")
NEIGHBOURS: list[Scope] = [SessionScope("s10", "A"), SystemScope("B"), SystemScope("s1"), SessionScope("A")]


class StampContract(Subject):
    @pytest.mark.parametrize("scope", [SESSION, ALONE, SYSTEM], ids=["session", "session alone", "system"])
    async def test_a_stamp_stays_until_the_scope_is_evicted(self, driver: Driver, scope: Scope) -> None:
        stamp = await driver.stamp(scope)
        await driver.put(scope, "copy", entry())
        await driver.put_if_current(scope, "key", entry(stamp=stamp))
        await driver.delete(scope, "key")
        await driver.evict(*NEIGHBOURS)
        await purge_all(driver)
        assert await driver.stamp(scope) == stamp
        await driver.evict(scope)
        assert await driver.stamp(scope) != stamp

    @pytest.mark.parametrize("evicted", [SESSION, ALONE, SYSTEM], ids=["itself", "by its id alone", "its system"])
    async def test_a_session_has_a_new_stamp_once_it_or_its_system_was_evicted(self, driver: Driver, evicted: Scope) -> None:
        stamp = await driver.stamp(SESSION)
        await driver.evict(evicted)
        assert await driver.stamp(SESSION) != stamp

    async def test_no_stamp_ever_comes_back(self, driver: Driver) -> None:
        stamps = []
        for number in range(30):
            stamps.append(await driver.stamp(SESSION))
            await driver.evict(SYSTEM if number % 3 else ALONE)
            await driver.purge(10)
        assert len(set(stamps)) == 30

    async def test_all_who_ask_for_a_new_scope_at_once_get_the_same_stamp(self, driver: Driver) -> None:
        stamps = await asyncio.gather(*(driver.stamp(SESSION) for _ in range(50)))
        assert len(set(stamps)) == 1
        assert await driver.stamp(SESSION) == stamps[0]

    @pytest.mark.parametrize("evicted", [SESSION, ALONE, SYSTEM], ids=["itself", "by its id alone", "its system"])
    async def test_a_value_that_was_loaded_across_an_eviction_is_refused(self, driver: Driver, evicted: Scope) -> None:
        late = entry(b"stale", await driver.stamp(SESSION))
        await driver.evict(evicted)
        assert not await driver.put_if_current(SESSION, "key", late)
        assert await current(driver, SESSION, "key") is None
        await keep(driver, SESSION, "key", b"fresh")
        assert not await driver.put_if_current(SESSION, "key", late)
        assert await current(driver, SESSION, "key") == b"fresh"

    async def test_a_stamp_of_another_scope_or_of_nobody_is_refused(self, driver: Driver) -> None:
        foreign = [b"", b"\0" * 16, b"\xff" * 32, *[await driver.stamp(scope) for scope in (SYSTEM, *NEIGHBOURS)]]
        for unknown in (False, True):
            for stamp in foreign:
                assert not await driver.put_if_current(SESSION, "key", entry(stamp=stamp))
            if not unknown:
                await driver.stamp(SESSION)
        assert await driver.get(SESSION, "key") is None

    async def test_what_is_told_at_once_is_nothing_or_what_is_told_by_waiting(self, driver: Driver) -> None:
        assert driver.get_at_once(SESSION, "key") is None
        unasked = driver.stamp_at_once(SESSION)
        stamp = await driver.stamp(SESSION)
        assert unasked in (None, stamp)
        for value in (b"one", b"other"):
            await keep(driver, SESSION, "key", value)
            assert driver.stamp_at_once(SESSION) in (None, stamp)
            told = driver.get_at_once(SESSION, "key")
            assert told in (None, await driver.get(SESSION, "key"))
            assert [*driver.get_many_at_once(SESSION, ["never", "key", "key"])] == [None, told, told]
        await driver.delete(SESSION, "key")
        assert driver.get_at_once(SESSION, "key") is None
        assert [*driver.get_many_at_once(SESSION, ["key"])] == [None]

    @pytest.mark.parametrize("evicted", [SESSION, ALONE, SYSTEM], ids=["itself", "by its id alone", "its system"])
    async def test_nothing_from_before_an_eviction_is_told_at_once(self, make_driver: MakeDriver, evicted: Scope) -> None:
        async with opened(make_driver()) as reader, opened(make_driver()) as elsewhere:
            evicting = elsewhere if is_shared(reader) else reader
            stamp = await reader.stamp(SESSION)
            await keep(reader, SESSION, "key", b"value")
            assert reader.stamp_at_once(SESSION) in (None, stamp)
            await evicting.evict(evicted)
            assert reader.stamp_at_once(SESSION) != stamp
            assert reader.get_at_once(SESSION, "key") is None
            assert [*reader.get_many_at_once(SESSION, ["key", "other"])] == [None, None]

    async def test_a_local_copy_with_an_old_stamp_is_told_from_a_current_one(self, driver: Driver) -> None:
        await keep_copy(driver, SESSION, "key", b"copied from elsewhere")
        assert await current(driver, SESSION, "key") is None
