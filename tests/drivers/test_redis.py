"""The aiocache driver on a real Redis: the contract, and what it leaves on the server."""

import asyncio

import pytest

from drivers.contract import EVERYTHING, SessionScope, SystemScope
from drivers.testing import DriverContract, MakeDriver
from drivers.testing.subject import current, entry, found, keep, keep_copy, opened, purge_all
from tests.drivers.redis_admin import administrator, commands_run, keys, run
from tests.drivers.stores import aiocache_driver, fresh_namespace, maker
from tests.drivers.time_ahead import TimeAhead
from tests.servers import RealServer

SESSION, OTHER, SYSTEM = SessionScope("s1", "A"), SessionScope("s10", "A"), SystemScope("A")
ENUMERATING = {"keys", "scan", "hscan", "sscan", "zscan", "smembers", "hgetall", "hkeys", "hvals"}
FLUSHING = {"flushall", "flushdb", "swapdb"}


class TestRedis(DriverContract):
    @pytest.fixture
    def make_driver(self, redis: RealServer) -> MakeDriver:
        return maker(redis, "redis")


async def test_two_namespaces_on_one_server_have_nothing_in_common(redis: RealServer) -> None:
    mine, theirs = (aiocache_driver(redis, "redis", namespace=fresh_namespace()) for _ in range(2))
    async with opened(mine), opened(theirs):
        for scope in (SESSION, SYSTEM):
            await keep(theirs, scope, "key", b"theirs")
            await keep(mine, scope, "key", b"mine")
        await mine.evict(SESSION, SYSTEM)
        await purge_all(mine)
        assert [await current(theirs, scope, "key") for scope in (SESSION, SYSTEM)] == [b"theirs"] * 2


async def test_every_key_begins_with_the_namespace(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis", namespace="a-1")) as driver, administrator(own_redis) as admin:
        for scope in (SESSION, SYSTEM):
            await keep(driver, scope, "*", b"value")
        assert {key.split(b":")[0] for key in await keys(admin)} == {b"{a-1}"}


async def test_after_everything_was_evicted_and_purged_nothing_is_left_on_the_server(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis")) as driver, administrator(own_redis) as admin:
        await driver.stamp(EVERYTHING)  # the one generation that stays
        before = await admin.dbsize()
        for number in range(40):
            for scope in (
                SessionScope(f"s{number}", "A"),
                SessionScope(f"alone {number}"),
                SYSTEM,
                SessionScope("s1", f"B{number}"),
            ):
                await keep_copy(driver, scope, str(number), b"value")
        await driver.evict(SYSTEM, SessionScope("s1"))
        await purge_all(driver, 7)
        for number in range(40):
            await driver.evict(SessionScope(f"s{number}"), SessionScope(f"alone {number}"), SystemScope(f"B{number}"))
        await purge_all(driver, 7)
        assert await admin.dbsize() == before


async def test_deleting_the_last_entry_leaves_nothing_but_the_generations(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis")) as driver, administrator(own_redis) as admin:
        await driver.stamp(SESSION)
        before = await admin.dbsize()
        await keep(driver, SESSION, "key", b"value")
        await driver.delete(SESSION, "key")
        assert await admin.dbsize() == before


async def test_everything_that_is_stored_expires_by_itself_save_the_format(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis", namespace="opshub")) as driver, administrator(own_redis) as admin:
        await keep_copy(driver, OTHER, "key", b"value")
        await driver.evict(OTHER)
        await keep_copy(driver, SESSION, "key", b"value")
        names = {key.split(b":")[1]: await admin.pttl(key) for key in await keys(admin)}
    assert names.pop(b"format") == -1
    assert names.keys() == {b"g", b"b", b"x", b"i", b"due", b"garbage", b"ping"}
    assert min(names.values()) > 0


async def test_expired_entries_of_a_living_scope_are_freed(redis: RealServer) -> None:
    clock = TimeAhead()
    async with opened(aiocache_driver(redis, "redis", clock=clock)) as driver:
        for number in range(50):
            await driver.put(SESSION, str(number), entry(b"short-lived", ttl=60))
        await driver.put(SESSION, "key", entry(b"long-lived", ttl=600))
        clock.seconds = 61
        assert (await driver.statistics()).garbage == 1
        await purge_all(driver, 7)
        assert (await driver.statistics()).entries == 1
        assert await found(driver, SESSION, "key") == b"long-lived"


async def test_an_eviction_costs_the_same_however_much_it_takes_along(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis")) as driver, administrator(own_redis) as admin:
        costs = []
        for sessions in (1, 1, 500):
            for number in range(sessions):
                await keep_copy(driver, SessionScope(f"s{number}", "A"), "key", b"value")
            before = await commands_run(admin)
            await driver.evict(SYSTEM)
            costs.append((await commands_run(admin)) - before)
        assert costs[1] == costs[2]


async def test_no_verb_enumerates_or_flushes_what_is_on_the_server(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis")) as driver, administrator(own_redis) as admin:
        for scope in (SESSION, SYSTEM):
            await keep(driver, scope, "key", b"value")
            await keep_copy(driver, scope, "copy", b"value")
            await driver.delete(scope, "copy")
            assert await found(driver, scope, "key") == b"value"
        await driver.evict(SESSION, SYSTEM)
        await purge_all(driver)
        await driver.ping()
        await driver.statistics()
        await driver.usage(SYSTEM)
        assert (ENUMERATING | FLUSHING).isdisjoint(await commands_run(admin))


@pytest.mark.parametrize("scope", [SESSION, SYSTEM], ids=["session", "system"])
async def test_what_somebody_else_has_flushed_is_a_miss_and_a_new_life(own_redis: RealServer, scope: SessionScope) -> None:
    async with opened(aiocache_driver(own_redis, "redis")) as driver, administrator(own_redis) as admin:
        late = entry(b"stale", await driver.stamp(scope))
        await keep(driver, scope, "key", b"value")
        await run(admin, "FLUSHALL")
        assert await driver.get(scope, "key") is None
        assert not await driver.put_if_current(scope, "key", late)
        assert await driver.stamp(scope) != late.stamp
        await keep(driver, scope, "key", b"new")
        await driver.ping()


async def test_two_hundred_commands_at_once_share_ten_connections(own_redis: RealServer) -> None:
    async with opened(aiocache_driver(own_redis, "redis", pool_size=10)) as driver, administrator(own_redis) as admin:
        sessions = [SessionScope(f"s{number}", "A") for number in range(200)]
        assert len({*await asyncio.gather(*(driver.stamp(session) for session in sessions))}) == 200
        connections = (await admin.info("clients"))["connected_clients"]
    assert connections <= 11
