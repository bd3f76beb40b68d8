"""Connections are replaced: at a greatest age, and when a server does not answer, so that an address that moved is found."""

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from aiocache import MemcachedCache

from drivers.aiocached.aiocache_settings import AiocacheSettings
from drivers.aiocached.memcached_pool import MemcachedPool
from drivers.contract import SessionScope, SystemScope
from drivers.testing.subject import current, keep, opened
from tests.drivers.address import Address, address
from tests.drivers.fleet import fleet_at_work
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
async def test_an_eviction_that_finds_another_server_ends_reads_from_the_former(
    former: RealServer, successor: RealServer, backend: str
) -> None:
    with address(former.port) as way:
        driver = aiocache_driver(way.port, backend, pool_size=CONNECTIONS, operation_timeout=FOR_EVER)
        async with opened(driver), asyncio.timeout(WITHIN):
            await keep(driver, SESSION, "key", b"stale")
            former.pause()
            try:
                in_use = asyncio.create_task(driver.get(SESSION, "key"))
                await on_its_way()
                way.target = successor.port
                await driver.evict(SESSION)
            finally:
                former.resume()
            await in_use

            assert await asyncio.gather(*(current(driver, SESSION, "key") for _ in range(CONNECTIONS))) == [None] * CONNECTIONS
            assert way.made[1:] == [successor.port] * (len(way.made) - 1)


def _aged(_way: Address) -> None:
    """Do nothing: every connection is too old at once."""


def _reset(way: Address) -> None:
    way.reset_all()


@every_backend
@pytest.mark.parametrize(("end", "age"), [(_aged, 0.0001), (_reset, 300)])
async def test_what_was_evicted_elsewhere_is_gone_when_an_address_comes_back(
    former: RealServer, successor: RealServer, backend: str, end: Callable[[Address], None], age: float
) -> None:
    with address(former.port) as way:
        async with opened(aiocache_driver(way.port, backend, connection_max_age=age)) as driver:
            await keep(driver, SESSION, "key", b"stale")
            for target in (successor, former):
                way.target = target.port
                end(way)
                await on_its_way()
                await driver.evict(SESSION if target is successor else SystemScope("another"))
            assert way.made[-1] == former.port
            assert await current(driver, SESSION, "key") is None


@pytest.mark.parametrize("start", [memcached_server])
async def test_a_connection_made_while_the_address_moved_and_came_back_is_made_again(
    former: RealServer, successor: RealServer
) -> None:
    held, invalidated = asyncio.Event(), list[int]()

    async def where(cache: MemcachedCache) -> bytes:
        return str((await cache.raw("stats"))[b"pid"]).encode()

    async def invalidate(_cache: MemcachedCache) -> None:
        invalidated.append(way.target)
        if len(invalidated) == 1:
            await held.wait()

    async def where_for_long(cache: MemcachedCache) -> bytes:
        await held.wait()
        return await where(cache)

    with address(former.port) as way:
        pool = MemcachedPool(AiocacheSettings(backend="memcached", port=way.port), where, invalidate)
        async with asyncio.timeout(WITHIN), asyncio.TaskGroup() as tasks:
            at_former = await pool.run(where)
            tasks.create_task(pool.run(where_for_long))
            await on_its_way()
            way.target = successor.port
            slow = tasks.create_task(pool.run(where))
            while not invalidated:  # noqa: ASYNC110 - it is called by the pool
                await asyncio.sleep(0.001)
            assert await pool.run(where) != at_former
            tasks.create_task(pool.run(where_for_long))
            await on_its_way()
            way.target = former.port
            assert await pool.run(where) == at_former
            held.set()
        assert invalidated == [successor.port, successor.port, former.port]
        assert slow.result() == at_former
        await pool.aclose()


@every_backend
async def test_an_address_that_moves_to_and_fro_under_load_shows_nothing_stale(
    former: RealServer, successor: RealServer, backend: str
) -> None:
    dice = random.Random(4)
    with address(former.port) as way:
        driver = aiocache_driver(way.port, backend, pool_size=CONNECTIONS, connection_max_age=0.02)
        async with fleet_at_work(driver) as fleet:
            for _ in range(60):
                await fleet.until_more(served=dice.randrange(20), evicted=1)
                way.target = dice.choice([former, successor]).port
    assert fleet.stale_at == []
    assert {*way.made} == {former.port, successor.port}


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
