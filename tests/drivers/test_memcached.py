"""The aiocache driver on a real memcached: the contract, and what becomes of it when the server stops or forgets."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from structlog.testing import capture_logs

from drivers.contract import SessionScope, SystemScope
from drivers.driver_errors import DriverUnavailable
from drivers.testing import DriverContract, MakeDriver
from drivers.testing.subject import current, entry, found, keep, opened
from tests.drivers.outages import assert_giving_up_harms_nobody, assert_outages_show_nothing_stale, on_its_way
from tests.drivers.stores import aiocache_driver, fresh_namespace, maker
from tests.ports import HOST
from tests.servers import RealServer, memcached_server

SESSION, SYSTEM = SessionScope("s1", "A"), SystemScope("A")
WITHIN = 20.0


class TestMemcached(DriverContract):
    @pytest.fixture
    def make_driver(self, memcached: RealServer) -> MakeDriver:
        return maker(memcached, "memcached")


async def test_two_namespaces_on_one_server_have_nothing_in_common(memcached: RealServer) -> None:
    mine, theirs = (aiocache_driver(memcached, "memcached", namespace=fresh_namespace()) for _ in range(2))
    async with opened(mine), opened(theirs):
        await keep(theirs, SESSION, "key", b"theirs")
        await keep(mine, SESSION, "key", b"mine")
        await mine.evict(SESSION, SYSTEM)
        assert await current(theirs, SESSION, "key") == b"theirs"


async def test_a_restarted_server_has_forgotten_all_and_serves_the_first_call(own_memcached: RealServer) -> None:
    async with opened(aiocache_driver(own_memcached, "memcached")) as driver:
        late = entry(b"late", await driver.stamp(SESSION))
        await keep(driver, SESSION, "key", b"value")
        own_memcached.kill()
        own_memcached.start()
        assert await driver.get(SESSION, "key") is None
        assert not await driver.put_if_current(SESSION, "key", late)
        assert await driver.stamp(SESSION) != late.stamp
        await keep(driver, SESSION, "key", b"new")


async def test_a_generation_that_the_server_dropped_is_a_miss_and_a_new_life(own_memcached: RealServer) -> None:
    async with opened(aiocache_driver(own_memcached, "memcached")) as driver:
        old = await driver.stamp(SESSION)
        await keep(driver, SESSION, "key", b"value")
        await _say(own_memcached, b"flush_all\r\n")
        assert await driver.get(SESSION, "key") is None
        assert await driver.stamp(SESSION) != old
        await driver.ping()


async def test_a_server_whose_token_is_dropped_passes_for_another_one_once(own_memcached: RealServer) -> None:
    drivers = [aiocache_driver(own_memcached, "memcached", namespace="one", connection_max_age=0.0001) for _ in range(3)]
    async with opened(drivers[0]), opened(drivers[1]), opened(drivers[2]):
        await keep(drivers[0], SESSION, "key", b"value")
        assert [await current(driver, SESSION, "key") for driver in drivers] == [b"value"] * 3
        await _say(own_memcached, b"delete one:server\r\n")
        await asyncio.gather(*(driver.ping() for driver in drivers))
        assert await drivers[0].get(SESSION, "key") is None

        await keep(drivers[0], SESSION, "key", b"new")
        for _ in range(10):
            assert [await current(driver, SESSION, "key") for driver in drivers] == [b"new"] * 3


async def test_a_stopped_server_is_unavailable_at_once_and_usable_again_when_it_is_back(own_memcached: RealServer) -> None:
    async with opened(aiocache_driver(own_memcached, "memcached")) as driver:
        own_memcached.kill()
        begun = time.monotonic()
        for call in (driver.ping(), driver.stamp(SESSION), driver.get(SESSION, "key"), driver.evict(SYSTEM)):
            with pytest.raises(DriverUnavailable, match=f"shared: memcached at {HOST}:{own_memcached.port} cannot be reached"):
                await call
        assert time.monotonic() - begun < WITHIN
        own_memcached.start()
        await driver.ping()
        await keep(driver, SESSION, "key", b"value")


async def test_a_driver_that_could_not_be_opened_is_usable_once_the_server_is_there(own_memcached: RealServer) -> None:
    own_memcached.kill()
    driver = aiocache_driver(own_memcached, "memcached")
    try:
        with pytest.raises(DriverUnavailable):
            await driver.open()
        own_memcached.start()
        await keep(driver, SESSION, "key", b"value")
    finally:
        await driver.aclose()


async def test_a_server_that_dies_in_mid_answer_is_unavailable_and_delays_nobody(
    own_memcached: RealServer,
) -> None:
    async with opened(aiocache_driver(own_memcached, "memcached", pool_size=4)) as driver:
        await asyncio.gather(*(driver.ping() for _ in range(4)))
        own_memcached.pause()
        calls = [driver.evict(SESSION), driver.stamp(SESSION), driver.put(SESSION, "key", entry()), driver.get(SESSION, "key")]
        asking = [asyncio.create_task(call) for call in calls]
        await on_its_way()
        own_memcached.kill()
        for answer in asking:
            with pytest.raises(DriverUnavailable):
                await answer


@pytest.mark.parametrize("rest", [b"", b"VAL", b"VALUE k 0 5\r\nab", b"STO", b"DELETED\r"], ids=repr)
async def test_a_connection_closed_in_mid_answer_is_unavailable_and_delays_nobody(rest: bytes) -> None:
    async with _server_that_breaks_off(rest) as port, asyncio.timeout(WITHIN):
        driver = aiocache_driver(port, "memcached")
        with pytest.raises(DriverUnavailable):
            await driver.open()
        for call in (driver.evict(SESSION), driver.get(SESSION, "key"), driver.put(SESSION, "key", entry()), driver.ping()):
            with pytest.raises(DriverUnavailable):
                await call
        await driver.aclose()


async def test_a_silent_server_is_unavailable_until_it_answers_again(
    own_memcached: RealServer,
) -> None:
    async with opened(aiocache_driver(own_memcached, "memcached", pool_size=1, operation_timeout=0.2)) as driver:
        await keep(driver, SESSION, "key", b"value")
        own_memcached.pause()
        with pytest.raises(DriverUnavailable, match="did not answer in time"):
            await driver.get(SESSION, "key")
        own_memcached.resume()
        assert await current(driver, SESSION, "key") == b"value"


async def test_the_answer_to_a_cancelled_call_reaches_nobody_else(own_memcached: RealServer) -> None:
    driver, another = (aiocache_driver(own_memcached, "memcached", namespace="a", pool_size=1) for _ in range(2))
    async with opened(driver), opened(another):
        stamp = await driver.stamp(SESSION)
        own_memcached.pause()
        asking = asyncio.create_task(driver.stamp(SESSION))
        await on_its_way()
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
        own_memcached.resume()
        await another.evict(SESSION)
        assert await driver.stamp(SESSION) != stamp


async def test_calls_cancelled_at_any_moment_never_make_another_return_a_wrong_value(memcached: RealServer) -> None:
    async with opened(aiocache_driver(memcached, "memcached", pool_size=3)) as driver:
        await assert_giving_up_harms_nobody(driver)


async def test_two_hundred_commands_at_once_share_ten_connections(own_memcached: RealServer) -> None:
    async with opened(aiocache_driver(own_memcached, "memcached", pool_size=10)) as driver:
        sessions = [SessionScope(f"s{number}", "A") for number in range(200)]
        assert len({*await asyncio.gather(*(driver.stamp(session) for session in sessions))}) == 200
        statistics = await _say(own_memcached, b"stats\r\n")
    (made,) = [line for line in statistics.splitlines() if line.startswith(b"STAT total_connections ")]
    assert int(made.split()[2]) <= 10 + ASIDE


ASIDE = 4
"""Connections that are not the driver's: memcached counts its own listening one, the look whether it is up, and ours."""


async def test_an_entry_that_is_too_large_for_the_server_is_a_miss_and_warned_of_once(memcached: RealServer) -> None:
    async with opened(aiocache_driver(memcached, "memcached")) as driver:
        await keep(driver, SESSION, "key", b"small")
        with capture_logs() as logs:
            for _ in range(2):
                await keep(driver, SESSION, "key", b"x" * 2_000_000)
        assert [line["log_level"] for line in logs] == ["warning"]
        assert await driver.get(SESSION, "key") is None
        await keep(driver, SESSION, "key", b"small again")
        assert await found(driver, SESSION, "key") == b"small again"


async def test_a_full_server_drops_what_is_old_and_serves_nothing_wrong(memcached_binary: None) -> None:
    dice = random.Random(2)
    with memcached_server("-m", "2") as server:
        async with opened(aiocache_driver(server, "memcached")) as driver:
            scopes = [SessionScope(f"s{number}", "A") for number in range(100)]
            for scope in scopes:
                await keep(driver, scope, "key", scope.session_id.encode() + dice.randbytes(100_000))
            held = [await current(driver, scope, "key") for scope in scopes]
    assert None in held
    assert all(value is None or value.startswith(scope.session_id.encode()) for scope, value in zip(scopes, held, strict=True))


async def test_a_server_killed_under_load_serves_nothing_stale_and_works_again(own_memcached: RealServer) -> None:
    async with opened(aiocache_driver(own_memcached, "memcached")) as driver:
        await assert_outages_show_nothing_stale(driver, own_memcached)


@asynccontextmanager
async def _server_that_breaks_off(rest: bytes) -> AsyncIterator[int]:
    """Serve on a free port what knows which server it is, and answers all else with these bytes and the connection's end."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (asked := await reader.readline()).endswith(b":server\r\n"):
            writer.write(b"VALUE %s 0 5\r\ntoken\r\nEND\r\n" % asked.split()[1])
        writer.write(rest)
        writer.close()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1]


async def _say(server: RealServer, command: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, server.port)
    writer.write(command + b"quit\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer
