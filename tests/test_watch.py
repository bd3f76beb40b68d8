"""The watch over the stores: who serves, and one line in the log for each change."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from connector.cache.entries import Entries
from connector.cache.storage import Storage
from connector.config.settings import StorageDeadlines
from connector.runtime.supervision import supervised
from drivers import DriverUnavailable, Entry, Scope, Stamp, SystemScope
from drivers.memory import MemoryDriver, MemorySettings
from tests.doubles import hang

WITHIN = 10.0
SCOPE = SystemScope("A")
Line = MutableMapping[str, Any]


class FickleDriver(MemoryDriver):
    """A memory driver that does not serve while it is down, and does not answer while it is silent."""

    down = False
    silent = False

    async def open(self) -> None:
        self._refuse()

    async def ping(self) -> None:
        self._refuse()
        if self.silent:
            await hang()

    async def get(self, scope: Scope, key: str) -> Entry | None:
        self._refuse()
        return await super().get(scope, key)

    async def evict(self, *scopes: Scope) -> None:
        self._refuse()

    def evict_at_once(self, *scopes: Scope) -> bool:
        return False

    def _refuse(self) -> None:
        if self.down:
            raise DriverUnavailable(f"{self.name}: away")


@pytest.fixture
def near() -> FickleDriver:
    return FickleDriver("near", MemorySettings())


@pytest.fixture
def authority() -> FickleDriver:
    return FickleDriver("authority", MemorySettings())


@pytest.fixture
def storage(near: FickleDriver, authority: FickleDriver) -> Storage:
    return Storage([near, authority], StorageDeadlines(ping=0.1))


@asynccontextmanager
async def watched(storage: Storage) -> AsyncIterator[list[Line]]:
    with capture_logs() as lines:
        async with storage.opened(), AsyncExitStack() as stack:
            for driver in storage.drivers:
                watch = supervised(f"watch over {driver.name}", partial(storage.watch.run, driver))
                await stack.enter_async_context(watch)
            yield lines


async def until(lines: list[Line], event: str) -> Line:
    """Wait for the line that begins like this, and look whether there is but one."""
    async with asyncio.timeout(WITHIN):
        while not (found := [line for line in lines if line["event"].startswith(event)]):  # noqa: ASYNC110 - a list has no events
            await asyncio.sleep(0.01)
    [line] = found
    return line


async def test_a_store_that_goes_down_and_comes_back_leaves_one_line_each(storage: Storage, near: FickleDriver) -> None:
    async with watched(storage) as lines:
        near.down = True
        reads = Entries(storage)
        for _ in range(20):
            await reads.read(SCOPE, "key", Stamp(b"stamp"))
        down = await until(lines, "a store is down")
        is_up = storage.watch.is_up("near")
        near.down = False
        back = await until(lines, "a store serves again")

        assert (down["driver"], down["reason"], down["log_level"]) == ("near", "near: away", "warning")
        assert (back["driver"], back["log_level"]) == ("near", "info")
        assert (is_up, storage.watch.is_up("near")) == (False, True)
        assert [line["event"] for line in lines if line["log_level"] != "debug"] == [down["event"], back["event"]]


async def test_the_line_says_what_it_means_that_the_authority_is_down(storage: Storage, authority: FickleDriver) -> None:
    async with watched(storage) as lines:
        authority.down = True
        storage.owe(authority)

        assert (await until(lines, "the authority is down: cleanups are answered 503"))["driver"] == "authority"


async def test_a_store_that_is_down_at_the_start_has_one_line_too(storage: Storage, near: FickleDriver) -> None:
    near.down = True
    async with watched(storage) as lines:
        await until(lines, "a store is down")
        assert not storage.watch.is_up("near")
        near.down = False
        await until(lines, "a store serves again")


async def test_a_store_that_does_not_answer_is_down(storage: Storage, near: FickleDriver) -> None:
    async with watched(storage) as lines:
        near.silent = True
        await storage.watch.ping()
        await storage.watch.ping()

        assert (await until(lines, "a store is down"))["reason"] == "no answer within 0.1 s"
        assert len(lines) == 1


async def test_a_call_that_fails_has_its_store_looked_at_soon(storage: Storage, authority: FickleDriver) -> None:
    async with watched(storage) as lines:
        authority.down = True
        await Entries(storage).read(SCOPE, "key", Stamp(b"stamp"))

        await until(lines, "the authority is down")


async def test_what_a_store_holds_is_known_while_it_serves(storage: Storage, near: FickleDriver) -> None:
    await near.put(SCOPE, "key", Entry(b"value", Stamp(b"stamp"), expires_at=4e9))
    await storage.watch.look(near)
    held = storage.watch.holdings["near"]
    near.down = True
    await storage.watch.look(near)

    assert held is not None
    assert held.entries == 1
    assert storage.watch.holdings["near"] is None
