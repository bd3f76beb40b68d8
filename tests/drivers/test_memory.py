"""The memory driver: the contract, and what only a clock of one's own can show."""

import pytest

from drivers import Entry, Scope, SessionScope, Stamp
from drivers.driver_errors import DriverUnavailable
from drivers.memory import MemoryDriver, MemorySettings
from drivers.testing import DriverContract, MakeDriver
from drivers.testing.subject import entry


class TestMemory(DriverContract):
    @pytest.fixture
    def make_driver(self) -> MakeDriver:
        return lambda store="one": MemoryDriver(store, MemoryDriver.Settings())


class _OwnWays:
    """Tells of nothing, and evicts nothing."""

    async def stamp(self, scope: Scope) -> Stamp:
        return Stamp(f"of {scope}".encode())

    async def get(self, scope: Scope, key: str) -> Entry | None:
        del scope, key
        return None

    async def evict(self, *scopes: Scope) -> None:
        raise DriverUnavailable(f"not {scopes}")


class _OwnDriver(_OwnWays, MemoryDriver):
    pass


async def test_a_driver_that_derives_from_this_one_and_has_its_own_ways_is_not_passed_by() -> None:
    driver, scope = _OwnDriver("own", MemorySettings()), SessionScope("s")
    await driver.put(scope, "key", entry())
    told: tuple[object, ...] = driver.stamp_at_once(scope), driver.get_at_once(scope, "key"), driver.evict_at_once(scope)
    assert told == (None, None, False)
    assert driver.get_many_at_once(scope, ["key"]) == [None]
    assert (await driver.statistics()).entries == 1


class _CountingDriver(MemoryDriver):
    """Has a short cut of its own."""

    asked = 0

    def get_at_once(self, scope: Scope, key: str) -> Entry | None:
        self.asked += 1
        return super().get_at_once(scope, key)


async def test_a_derived_short_cut_is_not_passed_by_for_many_keys() -> None:
    driver, scope = _CountingDriver("own", MemorySettings()), SessionScope("s")
    await driver.put(scope, "key", held := entry())
    assert driver.get_many_at_once(scope, ["key", "other"]) == [held, None]
    assert driver.asked == 2
