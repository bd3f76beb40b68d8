"""What is served while two Redis masters are alive at once. `docs/drivers/aiocache-redis.md` has a row for each of these runs."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from structlog.testing import capture_logs

from drivers.aiocached.redis_topology import ALONE, WITHOUT_FLAGS
from drivers.contract import Driver, SessionScope
from drivers.driver_errors import DriverUnavailable
from drivers.testing.subject import current, keep, opened
from tests.drivers.fleet import Fleet, fleet_at_work
from tests.drivers.redis_admin import administrator, run
from tests.drivers.stores import aiocache_driver, fresh_namespace
from tests.drivers.watched_redis import Watched, watched_redis
from tests.ports import HOST
from tests.redis_kin import OLD_REDIS, VALKEY
from tests.servers import RealServer, redis_server

SESSION = SessionScope("s1", "A")
MAX_LAG = 1
REQUIRED = ("--min-replicas-to-write", "1", "--min-replicas-max-lag", str(MAX_LAG))
WITHIN = 30.0
A_SECOND = 1.0
BUSY = 5.0
"""Seconds that a busy machine may add."""


async def switched_over(watched: Watched, _fleet: Fleet) -> None:
    await watched.fail_over()
    await watched.until_promoted()
    await watched.until_demoted()


async def killed(watched: Watched, _fleet: Fleet) -> None:
    watched.master.kill()
    await watched.until_promoted()


async def paused_and_resumed(watched: Watched, fleet: Fleet) -> None:
    watched.master.pause()
    await watched.until_promoted()
    await fleet.until_more(served=50, evicted=20)
    watched.master.resume()


@pytest.mark.parametrize("happens", [switched_over, killed, paused_and_resumed])
async def test_a_fail_over_shows_nothing_stale_if_replicas_are_required(
    redis_binary: None, happens: Callable[[Watched, Fleet], Awaitable[None]]
) -> None:
    async with watched_redis(*REQUIRED) as watched:
        drivers = [watched.driver(namespace="one", operation_timeout=1, connect_timeout=1) for _ in range(3)]
        async with fleet_at_work(*drivers) as fleet:
            await fleet.until_more(served=300, evicted=60)
            await happens(watched, fleet)
            await fleet.until_more(served=1000, evicted=200)
    assert fleet.stale_at == []


@dataclass(frozen=True, slots=True)
class Two:
    """A master and its replica, and a driver that uses the master and no other."""

    former: RealServer
    successor: RealServer
    on_former: Driver
    namespace: str

    async def evict_on_the_successor(self) -> None:
        """Make the replica a master, and evict there."""
        async with administrator(self.successor) as admin:
            await run(admin, "REPLICAOF", "NO", "ONE")
            await run(admin, "CONFIG", "SET", "min-replicas-to-write", "0")
        async with opened(aiocache_driver(self.successor, "redis", namespace=self.namespace)) as driver:
            await driver.evict(SESSION)


@asynccontextmanager
async def two(*options: str, binary: str = "redis-server") -> AsyncIterator[Two]:
    """Run both, with something cached on the master."""
    namespace = fresh_namespace()
    with ExitStack() as servers:
        former = servers.enter_context(redis_server(*options, binary=binary))
        follows = ("--replicaof", HOST, str(former.port))
        successor = servers.enter_context(redis_server(*options, *follows, binary=binary))
        await _until_followed(former)
        async with opened(aiocache_driver(former, "redis", namespace=namespace)) as on_former:
            await keep(on_former, SESSION, "key", b"stale")
            yield Two(former, successor, on_former, namespace)


async def _until_followed(master: RealServer) -> None:
    async with administrator(master) as admin, asyncio.timeout(WITHIN):
        while not _has_a_replica(await admin.info("replication")):  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.01)


def _has_a_replica(told: dict[str, Any]) -> bool:
    good = int(told.get("min_slaves_good_slaves", 1))
    return good == 1 and bool(told["connected_slaves"] == 1 and told["slave0"]["state"] == "online")


async def test_a_former_master_refuses_reads_at_once_when_its_replica_has_left_it(redis_binary: None) -> None:
    async with two(*REQUIRED) as both:
        await both.evict_on_the_successor()

        for call in (both.on_former.stamp(SESSION), both.on_former.get(SESSION, "key"), both.on_former.evict(SESSION)):
            with pytest.raises(DriverUnavailable, match="has too few replicas"):
                await call


async def test_a_resumed_master_refuses_reads_at_once_when_its_replica_has_left_it(redis_binary: None) -> None:
    async with two(*REQUIRED) as both:
        both.former.pause()
        await both.evict_on_the_successor()
        both.former.resume()

        with pytest.raises(DriverUnavailable, match="has too few replicas"):
            await both.on_former.get(SESSION, "key")


async def test_a_master_that_is_cut_off_serves_for_the_greatest_lag_and_a_second(redis_binary: None) -> None:
    async with two(*REQUIRED) as both:
        cut = time.monotonic()
        both.successor.pause()

        assert await current(both.on_former, SESSION, "key") == b"stale"
        await _until_refused(both.on_former)

        assert time.monotonic() - cut < MAX_LAG + A_SECOND + BUSY


async def test_a_resumed_master_that_was_cut_off_serves_for_a_second(redis_binary: None) -> None:
    async with two(*REQUIRED) as both:
        both.former.pause()
        both.successor.pause()
        await asyncio.sleep(MAX_LAG + A_SECOND)  # for so long the master may not notice it
        resumed = time.monotonic()
        both.former.resume()

        await _until_refused(both.on_former)

        assert time.monotonic() - resumed < A_SECOND + BUSY


async def _until_refused(driver: Driver) -> None:
    async def read_on() -> None:
        while True:
            await driver.get(SESSION, "key")
            await asyncio.sleep(0.01)

    with pytest.raises(DriverUnavailable, match="has too few replicas"):
        await asyncio.wait_for(read_on(), WITHIN)


@pytest.mark.parametrize(
    ("binary", "options", "warning"),
    [("redis-server", (), ALONE), (str(VALKEY), (), ALONE), (str(OLD_REDIS), REQUIRED, WITHOUT_FLAGS)],
    ids=["Redis 7", "Valkey", "Redis 6.2"],
)
async def test_a_former_master_serves_what_was_evicted_elsewhere_and_the_log_warned_of_it(
    redis_binary: None, redis_kin_binaries: None, binary: str, options: tuple[str, ...], warning: str
) -> None:
    with capture_logs() as logs:
        async with two(*options, binary=binary) as both:
            await both.on_former.ping()
            await both.evict_on_the_successor()

            assert await current(both.on_former, SESSION, "key") == b"stale"
    assert warning in {line["event"] for line in logs}


async def test_whether_replicas_are_required_is_told_at_the_start_and_when_it_changes(own_redis: RealServer) -> None:
    with capture_logs() as logs:
        async with opened(aiocache_driver(own_redis, "redis")) as driver, administrator(own_redis) as admin:
            await driver.ping()
            await run(admin, "CONFIG", "SET", "min-replicas-to-write", "1")
            for _ in range(2):
                with pytest.raises(DriverUnavailable):
                    await driver.ping()
    told = [(line["role"], line["replicas"], line["replicas_required"]) for line in logs if "replicas_required" in line]
    assert told == [("master", 0, False), ("master", 0, True)]
