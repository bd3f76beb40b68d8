"""Life and housekeeping: several instances and stores, closing, cancelling, purging."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from drivers.contract import Driver, SessionScope, SystemScope
from drivers.driver_errors import DriverError
from drivers.testing.subject import MakeDriver, Subject, current, entry, found, is_shared, keep, keep_copy, opened, purge_all

SESSION, OTHER, SYSTEM = SessionScope("s1", "A"), SessionScope("s10", "A"), SystemScope("A")
CALLS: dict[str, Callable[[Driver], Awaitable[object]]] = {
    "ping": lambda driver: driver.ping(),
    "stamp": lambda driver: driver.stamp(SESSION),
    "get": lambda driver: driver.get(SESSION, "key"),
    "put": lambda driver: driver.put(SESSION, "key", entry()),
    "put_if_current": lambda driver: driver.put_if_current(SESSION, "key", entry()),
    "delete": lambda driver: driver.delete(SESSION, "key"),
    "evict": lambda driver: driver.evict(SESSION, SYSTEM),
    "purge": lambda driver: driver.purge(10),
    "statistics": lambda driver: driver.statistics(),
}
AT_ONCE: dict[str, Callable[[Driver], object]] = {
    "stamp": lambda driver: driver.stamp_at_once(SESSION),
    "get": lambda driver: driver.get_at_once(SESSION, "key"),
    "get many": lambda driver: any(driver.get_many_at_once(SESSION, ["key"])),
    "evict": lambda driver: driver.evict_at_once(SESSION, SYSTEM),
}
at_once = pytest.mark.parametrize("call", AT_ONCE.values(), ids=AT_ONCE.keys())
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


class LifecycleContract(Subject):
    async def test_an_opened_driver_answers_a_ping(self, driver: Driver) -> None:
        await driver.ping()

    async def test_what_a_driver_can_do_is_the_same_before_and_after_it_is_opened(self, make_driver: MakeDriver) -> None:
        driver = make_driver()
        declared = driver.capabilities
        async with opened(driver):
            assert driver.capabilities == declared
        assert driver.capabilities == declared

    async def test_closing_is_fine_without_opening_and_twice(self, make_driver: MakeDriver) -> None:
        driver = make_driver()
        await driver.aclose()
        await driver.aclose()

    @every_call
    async def test_a_closed_driver_refuses_every_call(
        self, make_driver: MakeDriver, call: Callable[[Driver], Awaitable[object]]
    ) -> None:
        async with opened(make_driver()) as driver:
            await keep(driver, SESSION, "key", b"value")
        with pytest.raises(DriverError):
            await call(driver)

    @at_once
    async def test_a_closed_driver_does_and_tells_nothing_at_once(
        self, make_driver: MakeDriver, call: Callable[[Driver], object]
    ) -> None:
        async with opened(make_driver()) as driver:
            await keep(driver, SESSION, "key", b"value")
        with suppress(DriverError):
            assert not call(driver)

    @pytest.mark.parametrize("turns", range(8))
    @every_call
    async def test_a_cancelled_call_leaves_the_driver_usable(
        self, driver: Driver, call: Callable[[Driver], Awaitable[object]], turns: int
    ) -> None:
        await keep(driver, OTHER, "key", b"value")
        task = asyncio.ensure_future(call(driver))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await keep(driver, SESSION, "key", b"value")
        assert await current(driver, SESSION, "key") == b"value"
        await driver.evict(SYSTEM)
        assert [await found(driver, scope, "key") for scope in (SESSION, OTHER)] == [None, None]

    async def test_hundreds_of_calls_at_once_are_all_served(self, driver: Driver) -> None:
        sessions = [SessionScope(f"s{number}", "A") for number in range(300)]
        await asyncio.gather(*(keep(driver, session, "key", session.session_id.encode()) for session in sessions))
        held = await asyncio.gather(*(current(driver, session, "key") for session in sessions))
        assert held == [session.session_id.encode() for session in sessions]
        await asyncio.gather(*(driver.evict(session) for session in sessions))
        assert set(await asyncio.gather(*(found(driver, session, "key") for session in sessions))) == {None}

    async def test_two_instances_share_a_store_or_they_do_not(self, make_driver: MakeDriver) -> None:
        async with opened(make_driver()) as one, opened(make_driver()) as two:
            shared = is_shared(one)
            await keep(one, SESSION, "key", b"value")
            late = entry(stamp=await two.stamp(SESSION))
            assert await current(two, SESSION, "key") == (b"value" if shared else None)
            assert (await one.stamp(SESSION) == late.stamp) is shared
            await one.evict(SYSTEM)
            assert await found(two, SESSION, "key") is None
            assert await two.put_if_current(SESSION, "key", late) is not shared
            await two.evict(SESSION)
            await keep(one, SESSION, "key", b"new")
            await two.delete(SESSION, "key")
            assert await found(one, SESSION, "key") == (None if shared else b"new")

    async def test_closing_one_instance_leaves_the_other_usable(self, make_driver: MakeDriver) -> None:
        async with opened(make_driver()) as staying:
            await keep(staying, OTHER, "key", b"value")
            async with opened(make_driver()) as leaving:
                await leaving.stamp(SESSION)
            assert await current(staying, OTHER, "key") == b"value"
            await keep(staying, SESSION, "key", b"value")
            await staying.evict(SESSION)
            assert await found(staying, SESSION, "key") is None

    async def test_two_stores_have_nothing_in_common(self, make_driver: MakeDriver) -> None:
        async with opened(make_driver("one")) as one, opened(make_driver("two")) as two:
            for scope in (SESSION, SYSTEM):
                await keep(one, scope, "key", b"one's")
            assert await two.get(SESSION, "key") is None
            assert await two.stamp(SESSION) != await one.stamp(SESSION)
            await keep(two, SESSION, "key", b"two's")
            await two.delete(SYSTEM, "key")
            await two.evict(SESSION, SYSTEM)
            await purge_all(two)
            assert [await current(one, scope, "key") for scope in (SESSION, SYSTEM)] == [b"one's", b"one's"]

    async def test_a_restart_keeps_evictions_and_entries_where_the_store_is_durable(self, make_driver: MakeDriver) -> None:
        async with opened(make_driver()) as before:
            for scope in (SESSION, OTHER):
                await keep(before, scope, "key", b"value")
            old, durable = await before.stamp(SESSION), before.capabilities.durable
            await before.evict(SESSION)
        async with opened(make_driver()) as after:
            assert await after.stamp(SESSION) != old
            assert await found(after, SESSION, "key") is None
            assert await current(after, OTHER, "key") == (b"value" if durable else None)

    @pytest.mark.parametrize("limit", [1, 7, 10_000])
    async def test_a_purge_comes_to_its_end_and_frees_what_is_unreachable(self, driver: Driver, limit: int) -> None:
        for scope in (SESSION, OTHER, SYSTEM):
            for number in range(25):
                await keep_copy(driver, scope, str(number), b"value")
        await driver.evict(SESSION)
        await purge_all(driver, limit)
        held = [await found(driver, scope, str(number)) for scope in (SESSION, OTHER, SYSTEM) for number in range(25)]
        assert held == [None] * 25 + [b"value"] * 50
        statistics = await driver.statistics()
        if driver.capabilities.enumerable:
            assert statistics.garbage in {0, None}
            assert statistics.entries in {50, None}

    async def test_statistics_are_counts_or_nothing(self, driver: Driver) -> None:
        await keep(driver, SESSION, "key", b"value")
        statistics = await driver.statistics()
        assert all(count is None or count >= 0 for count in (statistics.entries, statistics.garbage))
