"""The memory driver: the contract, and what only a clock of one's own can show."""

import asyncio

import pytest

from drivers import Scope, SessionScope
from drivers.memory import MemoryDriver, MemorySettings
from drivers.testing import DriverContract, MakeDriver


class TestMemory(DriverContract):
    @pytest.fixture
    def make_driver(self) -> MakeDriver:
        return lambda store="one": MemoryDriver(store, MemoryDriver.Settings())


class _SlowToEvict(MemoryDriver):
    async def evict(self, *scopes: Scope) -> None:
        await asyncio.sleep(0)
        await super().evict(*scopes)


async def test_a_driver_that_derives_from_this_one_and_evicts_in_its_own_way_is_not_passed_by() -> None:
    driver, scope = _SlowToEvict("own", MemorySettings()), SessionScope("s")
    stamp = await driver.stamp(scope)
    assert not driver.evict_at_once(scope)
    assert await driver.stamp(scope) == stamp
    await driver.evict(scope)
    assert await driver.stamp(scope) != stamp
