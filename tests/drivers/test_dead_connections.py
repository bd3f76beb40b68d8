"""Connections that die in every way, on asyncio's event loop and on the server's: a call works, or says that it did not."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from connector.runtime.event_loop import loop_factory
from drivers.contract import Driver, SessionScope
from drivers.driver_errors import DriverUnavailable
from drivers.testing.subject import current, keep, opened
from tests.drivers.address import Address, address
from tests.drivers.outages import assert_giving_up_harms_nobody, on_its_way
from tests.drivers.stores import aiocache_driver
from tests.endsystems.certificates import authority
from tests.servers import RealServer, TlsFiles, memcached_server, redis_server

SESSION = SessionScope("s1", "A")
WITHIN = 60.0
CONNECTIONS = 4

Test = Callable[[Driver, Address], Awaitable[None]]
loops = pytest.mark.parametrize("loop", [asyncio.new_event_loop, loop_factory()], ids=["asyncio", "uvloop"])


@dataclass(frozen=True, slots=True)
class Store:
    """A real server, and how a driver reaches it."""

    server: RealServer
    backend: str
    settings: dict[str, Any] = field(default_factory=dict)

    async def test(self, test: Test) -> None:
        """Run a test with a driver that reaches the server by an address of its own."""
        with address(self.server.port) as way:
            driver = aiocache_driver(way.port, self.backend, pool_size=CONNECTIONS, **self.settings)
            async with asyncio.timeout(WITHIN), opened(driver):
                await test(driver, way)


@pytest.fixture(params=["redis", "redis over TLS", "memcached"])
def store(request: pytest.FixtureRequest, redis_binary: None, memcached_binary: None, tmp_path: Path) -> Iterator[Store]:
    with _store(request.param, tmp_path) as found:
        yield found


@contextmanager
def _store(kind: str, folder: Path) -> Iterator[Store]:
    match kind:
        case "memcached":
            with memcached_server() as server:
                yield Store(server, "memcached")
        case "redis":
            with redis_server() as server:
                yield Store(server, "redis")
        case _:
            trusted = authority(folder)
            trusted.server()
            with redis_server(tls=TlsFiles(trusted.file, folder / "server.pem")) as server:
                yield Store(server, "redis", {"host": "localhost", "tls": True, "ca_file": trusted.file})


@loops
def test_the_first_call_after_idle_connections_were_reset_works(
    loop: Callable[[], asyncio.AbstractEventLoop], store: Store
) -> None:
    async def test(driver: Driver, way: Address) -> None:
        await asyncio.gather(*(driver.stamp(SESSION) for _ in range(CONNECTIONS)))
        way.reset_all()
        await on_its_way()
        await driver.evict(SESSION)
        await asyncio.gather(*(keep(driver, SESSION, "key", b"value") for _ in range(CONNECTIONS)))
        assert await current(driver, SESSION, "key") == b"value"

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(store.test(test))


@loops
def test_connections_that_are_reset_at_any_moment_make_calls_unavailable_at_worst(
    loop: Callable[[], asyncio.AbstractEventLoop], store: Store
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(store.test(_resets_at_any_moment))


async def _resets_at_any_moment(driver: Driver, way: Address) -> None:
    done, worked, outcomes, dice = asyncio.Event(), asyncio.Event(), Counter[bool](), random.Random(3)

    async def use(session: SessionScope) -> None:
        while not done.is_set():
            try:
                await keep(driver, session, "key", b"value" * dice.randrange(1, 10_000))
                await current(driver, session, "key")
            except DriverUnavailable:
                outcomes[False] += 1
            else:
                outcomes[True] += 1
                worked.set()

    async def until_more(number: int) -> None:
        goal = outcomes[True] + number
        while outcomes[True] < goal:
            worked.clear()
            await worked.wait()

    async with asyncio.TaskGroup() as users:
        for number in range(2 * CONNECTIONS):
            users.create_task(use(SessionScope(f"s{number}")))
        for _ in range(40):
            await until_more(dice.randrange(1, 5))
            for _ in range(dice.randrange(100)):
                await asyncio.sleep(0)
            way.reset_all()
        done.set()
    await keep(driver, SESSION, "key", b"value")


@loops
def test_calls_that_are_given_up_at_any_moment_harm_no_other(loop: Callable[[], asyncio.AbstractEventLoop], store: Store) -> None:
    async def test(driver: Driver, _: Address) -> None:
        await assert_giving_up_harms_nobody(driver)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(store.test(test))


@loops
def test_a_server_that_is_silent_does_not_keep_the_driver_from_closing(
    loop: Callable[[], asyncio.AbstractEventLoop], store: Store
) -> None:
    async def test(driver: Driver, _: Address) -> None:
        await keep(driver, SESSION, "key", b"value")
        store.server.pause()
        await driver.aclose()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(store.test(test))
