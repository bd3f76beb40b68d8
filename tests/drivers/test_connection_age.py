"""Connections are replaced: at a greatest age, and when a server does not answer, so that an address that moved is found."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from drivers.contract import SessionScope
from drivers.testing.subject import current, keep, opened
from tests.drivers.address import address
from tests.drivers.outages import on_its_way
from tests.drivers.redis_admin import administrator
from tests.drivers.stores import aiocache_driver
from tests.servers import RealServer, memcached_server, redis_server

SESSION = SessionScope("s1", "A")
SESSIONS = [SessionScope(f"s{number}", "A") for number in range(16)]
CONNECTIONS = 4
WITHIN = 30.0
FOR_EVER = 600.0

Start = Callable[[], AbstractContextManager[RealServer]]
every_backend = pytest.mark.parametrize(("backend", "start"), [("redis", redis_server), ("memcached", memcached_server)])


@pytest.fixture
def former(redis_binary: None, memcached_binary: None, start: Start) -> Iterator[RealServer]:
    with start() as server:
        yield server


@pytest.fixture
def successor(start: Start) -> Iterator[RealServer]:
    with start() as server:
        yield server


@every_backend
async def test_an_address_that_has_moved_is_found_though_the_old_server_still_serves(
    former: RealServer, successor: RealServer, backend: str
) -> None:
    with address(former.port) as way:
        async with opened(aiocache_driver(way.port, backend, connection_max_age=0.05)) as driver, asyncio.timeout(WITHIN):
            await keep(driver, SESSION, "key", b"value")
            way.target = successor.port
            while way.made[-1] != successor.port:
                await driver.stamp(SESSION)
            assert await driver.get(SESSION, "key") is None


@every_backend
async def test_a_connection_that_is_young_is_used_again(former: RealServer, backend: str) -> None:
    with address(former.port) as way:
        async with opened(aiocache_driver(way.port, backend)) as driver:
            for _ in range(20):
                await keep(driver, SESSION, "key", b"value")
            assert len(way.made) == 1


async def test_a_new_connection_that_leads_elsewhere_takes_all_others_along(redis: RealServer, own_redis: RealServer) -> None:
    former, successor = own_redis, redis
    with address(former.port) as way:
        driver = aiocache_driver(way.port, "redis", pool_size=CONNECTIONS, operation_timeout=FOR_EVER)
        async with opened(driver), administrator(former) as admin, asyncio.timeout(WITHIN):
            await keep(driver, SESSION, "key", b"value")
            former.pause()
            try:
                in_use = asyncio.create_task(driver.get(SESSION, "key"))
                await on_its_way()
                way.target = successor.port
                await driver.ping()
            finally:
                former.resume()
            assert await in_use is not None
            assert way.made == [former.port, successor.port]

            # It is closed as soon as it comes back, although nothing uses a connection any more.
            while (await admin.info("clients"))["connected_clients"] > 1:  # noqa: ASYNC110 - another process changes it
                await asyncio.sleep(0.01)
            assert await driver.get(SESSION, "key") is None


@every_backend
async def test_one_call_without_an_answer_spares_all_others_the_silent_server(
    former: RealServer, successor: RealServer, backend: str
) -> None:
    with address(former.port) as way:
        driver = aiocache_driver(way.port, backend, pool_size=CONNECTIONS, operation_timeout=FOR_EVER)
        async with opened(driver), asyncio.timeout(WITHIN):
            await asyncio.gather(*(keep(driver, session, "key", b"value") for session in SESSIONS))
            former.pause()
            way.target = successor.port
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await driver.get(SESSION, "key")

            await asyncio.gather(*(keep(driver, session, "key", b"new") for session in SESSIONS))

            assert [await current(driver, session, "key") for session in SESSIONS] == [b"new"] * len(SESSIONS)


@every_backend
async def test_a_caller_that_gives_up_soon_costs_no_connection_but_its_own(former: RealServer, backend: str) -> None:
    with address(former.port) as way:
        driver = aiocache_driver(way.port, backend, pool_size=CONNECTIONS)
        async with opened(driver), asyncio.timeout(WITHIN):
            await asyncio.gather(*(keep(driver, session, "key", b"value") for session in SESSIONS))
            made = len(way.made)
            former.pause()
            asking = asyncio.create_task(driver.get(SESSION, "key"))
            await on_its_way()
            asking.cancel()
            await asyncio.wait([asking])
            former.resume()
            await asyncio.gather(*(keep(driver, session, "key", b"new") for session in SESSIONS))
            assert len(way.made) == made + 1
