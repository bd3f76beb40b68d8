"""The aiocache driver on a Redis that stops, comes back, falls silent, rolls back or is replaced by its replica."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from redis.asyncio import Redis

from drivers.contract import Driver, SessionScope, Stamp, SystemScope
from drivers.driver_errors import DriverUnavailable
from drivers.testing.subject import current, entry, found, keep, keep_copy, opened
from tests.drivers.outages import assert_giving_up_harms_nobody, assert_outages_show_nothing_stale, on_its_way
from tests.drivers.redis_admin import administrator, keys, run
from tests.drivers.stores import aiocache_driver
from tests.ports import HOST
from tests.servers import RealServer, redis_server

SESSION, SYSTEM = SessionScope("s1", "A"), SystemScope("A")
SCOPES = [SESSION, SYSTEM, SessionScope("s1")]
every_scope = pytest.mark.parametrize("scope", SCOPES, ids=["session", "system", "session alone"])
WITHIN = 20.0


async def assert_nothing_old_is_served(driver: Driver, scope: SessionScope | SystemScope, old: Stamp) -> None:
    assert await driver.get(scope, "key") is None
    assert not await driver.put_if_current(scope, "key", entry(b"late", old))
    assert await driver.stamp(scope) != old
    assert await driver.get(scope, "key") is None


async def _replicate(admin: Redis, master: RealServer) -> None:
    await run(admin, "REPLICAOF", HOST, str(master.port))
    async with asyncio.timeout(WITHIN):
        while (await admin.info("replication"))["master_link_status"] != "up":  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.01)


@every_scope
async def test_a_restart_from_an_old_dump_does_not_bring_evicted_entries_back(
    own_redis: RealServer, scope: SessionScope | SystemScope
) -> None:
    async with opened(aiocache_driver(own_redis, "redis")) as driver:
        old = await driver.stamp(scope)
        await keep(driver, scope, "key", b"stale")
        async with administrator(own_redis) as admin:
            await run(admin, "SAVE")
        await driver.evict(scope)
        own_redis.kill()
        own_redis.start()
        async with administrator(own_redis) as admin:
            assert await admin.dbsize() > 1  # the dump has been read
        await assert_nothing_old_is_served(driver, scope, old)


@every_scope
async def test_what_a_rolled_back_server_still_holds_is_freed(own_redis: RealServer, scope: SessionScope | SystemScope) -> None:
    async with opened(aiocache_driver(own_redis, "redis")) as driver:
        await keep_copy(driver, scope, "key", b"stale")
        async with administrator(own_redis) as admin:
            await run(admin, "SAVE")
        own_redis.kill()
        own_redis.start()
        await driver.stamp(scope)
        while await driver.purge(10):
            pass
        assert (await driver.statistics()).entries == 0


async def test_a_replica_promoted_before_it_heard_of_an_eviction_serves_nothing_old(own_redis: RealServer) -> None:
    master = aiocache_driver(own_redis, "redis")
    with redis_server() as other:
        promoted = aiocache_driver(other, "redis", namespace=master.settings.namespace)
        async with opened(master), opened(promoted), administrator(other) as admin:
            await _replicate(admin, own_redis)
            old = await master.stamp(SESSION)
            await keep(master, SESSION, "key", b"stale")
            async with administrator(own_redis) as master_admin:
                assert await run(master_admin, "WAIT", "1", "0") == 1
            for call in (promoted.get(SESSION, "key"), promoted.evict(SESSION)):
                with pytest.raises(DriverUnavailable, match="is a replica of"):
                    await call
            await run(admin, "REPLICAOF", "NO", "ONE")
            await master.evict(SESSION)
            await assert_nothing_old_is_served(promoted, SESSION, old)


async def test_a_master_that_is_promoted_again_without_a_restart_serves_nothing_old(own_redis: RealServer) -> None:
    """Its `run_id` is what it was, and the generations that it minted then can have come back from the master in between."""
    with redis_server() as other:
        async with administrator(own_redis) as admin, opened(aiocache_driver(own_redis, "redis")) as driver:
            old = await driver.stamp(SESSION)
            await keep(driver, SESSION, "key", b"stale")
            dumps = {key: await run(admin, "DUMP", key) for key in await keys(admin) if key.split(b":")[1] in {b"g", b"b"}}
            await driver.evict(SESSION)
            await _replicate(admin, other)
            await run(admin, "REPLICAOF", "NO", "ONE")
            for key, dump in dumps.items():
                await run(admin, "RESTORE", key, "0", dump)
            await assert_nothing_old_is_served(driver, SESSION, old)


async def test_the_first_call_after_a_restart_succeeds(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis")) as driver:
        await asyncio.gather(*(driver.stamp(SESSION) for _ in range(10)))
        own_redis.kill()
        own_redis.start()
        await driver.evict(SESSION)
        await asyncio.gather(*(driver.stamp(SESSION) for _ in range(10)))


async def test_a_stopped_server_is_unavailable_at_once_and_usable_again_when_it_is_back(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis")) as driver:
        own_redis.kill()
        begun = time.monotonic()
        for call in (driver.ping(), driver.stamp(SESSION), driver.get(SESSION, "key"), driver.evict(SYSTEM), driver.purge(1)):
            with pytest.raises(DriverUnavailable, match=f"shared: redis at {HOST}:{own_redis.port} cannot be reached"):
                await call
        assert time.monotonic() - begun < WITHIN
        own_redis.start()
        await driver.ping()
        await keep(driver, SESSION, "key", b"value")


async def test_a_driver_that_could_not_be_opened_is_usable_once_the_server_is_there(own_redis: RealServer) -> None:
    own_redis.kill()
    driver = aiocache_driver(own_redis, "redis")
    try:
        with pytest.raises(DriverUnavailable):
            await driver.open()
        own_redis.start()
        await keep(driver, SESSION, "key", b"value")
    finally:
        await driver.aclose()


async def test_a_silent_server_is_unavailable_until_it_answers_again(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis", pool_size=1, operation_timeout=0.2)) as driver:
        await keep(driver, SESSION, "key", b"value")
        own_redis.pause()
        with pytest.raises(DriverUnavailable, match="did not answer in time"):
            await driver.get(SESSION, "key")
        own_redis.resume()
        assert await current(driver, SESSION, "key") == b"value"


async def test_the_answer_to_a_cancelled_call_reaches_nobody_else(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis", pool_size=1)) as driver:
        for key in ("one", "two"):
            await keep(driver, SESSION, key, key.encode())
        own_redis.pause()
        asking = asyncio.create_task(driver.get(SESSION, "one"))
        await on_its_way()
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        own_redis.resume()
        assert await found(driver, SESSION, "two") == b"two"


@pytest.mark.parametrize("pool_size", [1, 3])
async def test_cancelled_calls_give_no_other_a_wrong_value_and_lose_no_connection(redis: RealServer, pool_size: int) -> None:
    async with opened(aiocache_driver(redis, "redis", pool_size=pool_size)) as driver:
        await assert_giving_up_harms_nobody(driver)


async def test_a_call_that_is_cancelled_while_it_connects_ends_as_cancelled(redis: RealServer) -> None:
    async with opened(aiocache_driver(redis, "redis", connection_max_age=1e-9)) as driver, asyncio.timeout(WITHIN):
        for turns in range(300):
            asking = asyncio.create_task(driver.stamp(SESSION))
            for _ in range(turns):
                await asyncio.sleep(0)
            is_cancelled = asking.cancel()
            await asyncio.wait([asking])
            assert asking.cancelled() == is_cancelled


async def test_who_has_waited_for_a_connection_in_vain_is_told_so(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis", pool_size=1, operation_timeout=0.2)) as driver:
        own_redis.pause()
        asking = [asyncio.create_task(driver.stamp(SESSION)) for _ in range(3)]
        await asyncio.wait(asking)
        *_, last = [task.exception() for task in asking]
        assert isinstance(last, DriverUnavailable)
        assert "has not had a free connection in time; raise pool_size" in str(last)
        own_redis.resume()
        await asyncio.gather(*(driver.stamp(SESSION) for _ in range(3)))


async def test_a_server_that_stops_reading_is_unavailable_after_the_deadline(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis", pool_size=1, operation_timeout=0.5)) as driver:
        own_redis.pause()
        with pytest.raises(DriverUnavailable, match="did not answer in time"):
            await driver.put(SESSION, "key", entry(bytes(50_000_000)))
        own_redis.kill()
        own_redis.start()
        await keep(driver, SESSION, "key", b"value")


async def test_a_server_that_ignores_the_greeting_is_unavailable_after_the_deadline() -> None:
    async with _silence() as port, asyncio.timeout(WITHIN):
        driver = aiocache_driver(port, "redis", operation_timeout=0.2)
        with pytest.raises(DriverUnavailable, match="did not answer in time"):
            await driver.open()
        await driver.aclose()


async def test_a_call_under_way_when_the_driver_is_closed_leaves_no_connection(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis")) as driver:
        await keep(driver, SESSION, "key", b"value")
        own_redis.pause()
        asking = asyncio.create_task(found(driver, SESSION, "key"))
        await on_its_way()
    own_redis.resume()
    assert await asking == b"value"
    async with administrator(own_redis) as admin, asyncio.timeout(WITHIN):
        while (await admin.info("clients"))["connected_clients"] > 1:  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.01)


@asynccontextmanager
async def _silence() -> AsyncIterator[int]:
    """Serve on a free port: read, and say nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_server_killed_under_load_serves_nothing_stale_and_works_again(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis")) as driver:
        await assert_outages_show_nothing_stale(driver, own_redis)
