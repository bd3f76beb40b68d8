"""The driver under test: how the suite makes it, and how it uses it."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import pytest

from drivers.contract import Driver, Entry, Scope, Sharing, Stamp

TTL = 600.0


class MakeDriver(Protocol):
    """Makes drivers, not opened yet. Drivers of one store share their entries, if the driver shares any."""

    def __call__(self, store: str = "one") -> Driver: ...


class Subject:
    """The driver under test. What it can do is what it declares (`Driver.capabilities`)."""

    @pytest.fixture
    def make_driver(self) -> MakeDriver:
        """Override: return a function that makes a driver on a named store. Stores with two names share nothing."""
        raise NotImplementedError

    @pytest.fixture
    async def driver(self, make_driver: MakeDriver) -> AsyncIterator[Driver]:
        async with opened(make_driver()) as driver:
            yield driver


def is_shared(driver: Driver) -> bool:
    """Tell whether two instances on one store see each other's entries, stamps and evictions at once."""
    return driver.capabilities.shared is not Sharing.NONE


@asynccontextmanager
async def opened(driver: Driver) -> AsyncIterator[Driver]:
    try:
        await driver.open()
        yield driver
    finally:
        await driver.aclose()


def entry(value: bytes = b"value", stamp: bytes = b"stamp", ttl: float = TTL) -> Entry:
    return Entry(value, Stamp(stamp), time.time() + ttl)


async def keep(driver: Driver, scope: Scope, key: str, value: bytes) -> None:
    """Store as the authority does."""
    stamp = await driver.stamp(scope)
    assert await driver.put_if_current(scope, key, entry(value, stamp))


async def keep_copy(driver: Driver, scope: Scope, key: str, value: bytes) -> None:
    """Store as a local cache does."""
    await driver.put(scope, key, entry(value, b"the authority's"))


async def found(driver: Driver, scope: Scope, key: str) -> bytes | None:
    """Read without a look at the stamp, as from a local cache."""
    held = await driver.get(scope, key)
    return held.value if held else None


async def current(driver: Driver, scope: Scope, key: str) -> bytes | None:
    """Read as from the authority: an entry with another stamp than the current one is a miss."""
    stamp = await driver.stamp(scope)
    held = await driver.get(scope, key)
    return held.value if held and held.stamp == stamp else None


async def purge_all(driver: Driver, limit: int = 100) -> None:
    """Purge to the end, and fail if there is none."""
    for _ in range(10_000):
        if not await driver.purge(limit):
            return
    pytest.fail("purge never ends")


Keep = Callable[[Driver, Scope, str, bytes], Awaitable[None]]
in_both_roles = pytest.mark.parametrize("keep_", [keep, keep_copy], ids=["authority", "local"])
