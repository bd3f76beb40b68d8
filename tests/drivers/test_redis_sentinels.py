"""A master that Sentinels name: fail-overs are followed, and what is wrong with the Sentinels is said."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from drivers.aiocached import AiocacheDriver, AiocacheSettings
from drivers.aiocached.redis_topology import FORGETS
from drivers.contract import Driver, SessionScope
from drivers.driver_errors import DriverError, DriverMisconfigured, DriverUnavailable
from drivers.testing.subject import current, keep, opened
from tests.drivers.redis_admin import administrator, keys
from tests.drivers.watched_redis import NAME, Watched, watched_redis
from tests.ports import HOST, free_port
from tests.servers import RealServer, redis_server, sentinel_server

SESSION = SessionScope("s1", "A")
SESSIONS = [SessionScope(f"s{number}", "A") for number in range(16)]
WITHIN = 60.0
DISTANCE = 0.3
"""Seconds for an answer. To learn the master takes several."""
PASSWORD, ANOTHER = "canary-5up3r", "canary-an0ther"


async def in_use(driver: Driver, sessions: Sequence[SessionScope] = SESSIONS) -> None:
    """Keep something for several sessions at once, over several connections."""
    await asyncio.gather(*(keep(driver, session, "key", b"value") for session in sessions))


async def until_it_serves(driver: Driver) -> None:
    async with asyncio.timeout(WITHIN):
        while True:
            with suppress(DriverUnavailable):
                await driver.evict(SESSION)
                return
            await asyncio.sleep(0.05)


async def assert_it_uses(server: RealServer, driver: Driver) -> None:
    new = [SessionScope(str(uuid4()), "A") for _ in SESSIONS]  # what was kept before was replicated
    async with administrator(server) as admin:
        before = {key for key in await keys(admin) if b":g:" in key}
        await in_use(driver, new)
        assert len({key for key in await keys(admin) if b":g:" in key} - before) >= len(new)


async def test_a_fail_over_after_the_master_died_is_followed_without_a_restart(redis_binary: None) -> None:
    async with watched_redis() as watched, opened(watched.driver()) as driver:
        await in_use(driver)
        watched.master.kill()
        with pytest.raises(DriverUnavailable):
            await driver.evict(SESSION)
        successor = await watched.until_promoted()

        await until_it_serves(driver)

        assert await driver.get(SESSION, "key") is None
        await assert_it_uses(successor, driver)


async def test_a_former_master_that_is_made_a_replica_is_left_by_the_next_call(redis_binary: None) -> None:
    with capture_logs() as logs:
        async with watched_redis() as watched, opened(watched.driver()) as driver:
            await in_use(driver)
            await watched.fail_over()
            successor = await watched.until_promoted()
            await watched.until_demoted()

            await assert_it_uses(successor, driver)
    told = [(line["address"], line["role"], line["replicas_required"]) for line in logs if "replicas_required" in line]
    assert (told[0], told[-1]) == tuple((f"{HOST}:{server.port}", "master", False) for server in (watched.master, successor))


async def test_a_master_that_does_not_answer_is_left_once_another_is_named(redis_binary: None) -> None:
    async with watched_redis() as watched, opened(watched.driver(operation_timeout=2)) as driver:
        await in_use(driver)
        watched.master.pause()
        successor = await watched.until_promoted()
        with pytest.raises(DriverUnavailable, match="did not answer in time"):
            await driver.evict(SESSION)

        await until_it_serves(driver)

        await assert_it_uses(successor, driver)


async def test_a_readiness_check_finds_the_new_master_though_the_old_one_answers(redis_binary: None) -> None:
    async with watched_redis() as watched, opened(watched.driver(operation_timeout=10)) as driver:
        await in_use(driver)
        watched.master.pause()
        successor = await watched.until_promoted()
        for sentinel in watched.sentinels:
            sentinel.pause()  # nobody tells the former master
        watched.master.resume()
        for sentinel in watched.sentinels[1:]:
            sentinel.resume()

        await driver.ping()

        await assert_it_uses(successor, driver)


async def test_a_promoted_master_that_restarts_at_once_is_no_replica_again(redis_binary: None) -> None:
    async with watched_redis() as watched, opened(watched.driver()) as driver:
        await watched.fail_over()
        successor = await watched.until_promoted()
        await watched.until_demoted()
        successor.kill()
        successor.start()

        await until_it_serves(driver)


@pytest.mark.parametrize("configured", [None, []], ids=["without a configuration file", "with one"])
async def test_a_server_that_would_forget_its_role_is_warned_of(redis_binary: None, configured: list[str] | None) -> None:
    with redis_server(configured=configured) as master, sentinel_server(f"sentinel monitor {NAME} {HOST} {master.port} 1") as one:
        driver = Watched(master, [], [one]).driver()
        with capture_logs() as logs:
            async with opened(driver):
                server = await driver.server()
        risks = [] if server is None else [risk for risk, _ in server.risks]

    assert (FORGETS in [line["event"] for line in logs]) is (configured is None)
    assert any(FORGETS.startswith(risk) for risk in risks) is (configured is None)


async def test_a_sentinel_that_slept_through_a_fail_over_brings_nobody_back(redis_binary: None) -> None:
    async with watched_redis() as watched, opened(watched.driver(connection_max_age=1e-9)) as driver:
        late = watched.sentinels[2]
        late.pause()
        await watched.fail_over()
        successor = await watched.until_promoted()
        await until_it_serves(driver)
        for sentinel in watched.sentinels[:2]:
            sentinel.kill()
        late.resume()

        await assert_it_uses(successor, driver)


async def test_sentinels_that_are_far_away_are_waited_for(redis_binary: None) -> None:
    async with watched_redis() as watched, AsyncExitStack() as ways:
        far = [await ways.enter_async_context(_far_away(sentinel.port)) for sentinel in watched.sentinels]
        driver = watched.driver(sentinels=[f"{HOST}:{port}" for port in far], connect_timeout=60)
        async with opened(driver):
            await in_use(driver)
            watched.master.kill()
            successor = await watched.until_promoted()

            await until_it_serves(driver)

            await assert_it_uses(successor, driver)


@asynccontextmanager
async def _far_away(port: int) -> AsyncIterator[int]:
    """Give an address from which each answer of this port takes some time."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_there, there = await asyncio.open_connection(HOST, port)
        with suppress(OSError):
            while asked := await reader.read(65_536):
                there.write(asked)
                answer = await from_there.read(65_536)
                await asyncio.sleep(DISTANCE)
                writer.write(answer)
        there.close()
        writer.close()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_one_sentinel_that_answers_is_enough(redis_binary: None) -> None:
    async with watched_redis() as watched:
        watched.sentinels[0].kill()
        watched.sentinels[1].pause()
        async with opened(watched.driver(connect_timeout=0.5)) as driver:
            await in_use(driver)


@pytest.mark.parametrize("end", [RealServer.kill, RealServer.pause], ids=["killed", "silent"])
async def test_a_server_that_serves_is_used_while_no_sentinel_answers(
    redis_binary: None, end: Callable[[RealServer], None]
) -> None:
    # Each call makes a connection, and asks.
    every_time: dict[str, Any] = {"connection_max_age": 1e-9, "connect_timeout": 600}
    async with watched_redis() as watched, opened(watched.driver(**every_time)) as driver:
        await keep(driver, SESSION, "key", b"value")
        for sentinel in watched.sentinels:
            end(sentinel)
        async with asyncio.timeout(WITHIN):
            await driver.ping()
            assert await current(driver, SESSION, "key") == b"value"


async def test_the_passwords_of_the_servers_and_of_the_sentinels_are_two(redis_binary: None) -> None:
    async with watched_redis(passwords=(PASSWORD, ANOTHER)) as watched:
        async with opened(watched.driver(password=PASSWORD, sentinel_password=ANOTHER)) as driver:
            await keep(driver, SESSION, "key", b"value")
            assert await current(driver, SESSION, "key") == b"value"
        problem = await refusal(watched, password=PASSWORD, sentinel_password=PASSWORD)
        assert isinstance(problem, DriverMisconfigured)
        assert "see sentinel_password" in str(problem)
        assert PASSWORD not in str(problem)


async def test_a_name_that_no_sentinel_knows_is_refused(redis: RealServer) -> None:
    told = "redis master another is unknown to the Sentinels; see master_name"
    with (
        sentinel_server(f"sentinel monitor {NAME} {HOST} {redis.port} 1") as sentinel,
        pytest.raises(DriverMisconfigured, match=told),
    ):
        await _opened_once(sentinel.port, master_name="another")


async def test_a_server_that_is_no_sentinel_is_refused(redis: RealServer) -> None:
    with pytest.raises(DriverMisconfigured, match="what sentinels names are no Sentinels"):
        await _opened_once(redis.port)


async def test_sentinels_that_are_away_are_no_mistake(redis_binary: None) -> None:
    with pytest.raises(DriverUnavailable, match=f"redis master {NAME} is not named by any Sentinel in time"):
        await _opened_once(free_port())


async def refusal(watched: Watched, **settings: Any) -> DriverError:
    with pytest.raises(DriverError) as refused:
        async with opened(watched.driver(**settings)):
            pass
    return refused.value


async def _opened_once(port: int, **settings: Any) -> None:
    table = {"backend": "redis", "sentinels": [f"{HOST}:{port}"], "master_name": NAME} | settings
    async with opened(AiocacheDriver("shared", AiocacheSettings.model_validate(table))):
        pass
