"""The same on Redis 6.2, on Redis 7 and on Valkey; and what the flags of scripts change where there are any."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from drivers.aiocached import redis_layout
from drivers.aiocached.redis_layout import FULL
from drivers.contract import Driver, SessionScope, SystemScope
from drivers.driver_errors import DriverUnavailable
from drivers.testing import DriverContract, MakeDriver
from drivers.testing.subject import current, entry, keep, opened, purge_all
from tests.drivers.redis_admin import administrator, run
from tests.drivers.stores import aiocache_driver, maker
from tests.ports import HOST
from tests.redis_kin import OLD_REDIS, VALKEY
from tests.servers import RealServer, redis_server

SESSION = SessionScope("s1", "A")
with_flags = pytest.mark.parametrize("binary", ["redis-server", str(VALKEY)], ids=["Redis 7", "Valkey"])
every_version = pytest.mark.parametrize(
    "binary", [str(OLD_REDIS), "redis-server", str(VALKEY)], ids=["Redis 6.2", "Redis 7", "Valkey"]
)


@pytest.fixture(scope="module")
def old_redis(redis_kin_binaries: None) -> Iterator[RealServer]:
    with redis_server(binary=OLD_REDIS) as server:
        yield server


@pytest.fixture(scope="module")
def valkey(redis_kin_binaries: None) -> Iterator[RealServer]:
    with redis_server(binary=VALKEY) as server:
        yield server


class TestOldRedis(DriverContract):
    @pytest.fixture
    def make_driver(self, old_redis: RealServer) -> MakeDriver:
        return maker(old_redis, "redis")


class TestValkey(DriverContract):
    @pytest.fixture
    def make_driver(self, valkey: RealServer) -> MakeDriver:
        return maker(valkey, "redis")


@pytest.fixture
def server(redis_binary: None, redis_kin_binaries: None, binary: str) -> Iterator[RealServer]:
    with redis_server(binary=binary) as running:
        yield running


@with_flags
async def test_a_master_that_lacks_its_replicas_answers_no_read(server: RealServer) -> None:
    async with opened(aiocache_driver(server, "redis")) as driver, administrator(server) as admin:
        await keep(driver, SESSION, "key", b"value")
        await run(admin, "CONFIG", "SET", "min-replicas-to-write", "1")
        for call in (driver.stamp(SESSION), driver.get(SESSION, "key"), driver.evict(SESSION), driver.ping()):
            with pytest.raises(DriverUnavailable, match="has too few replicas"):
                await call
        await run(admin, "CONFIG", "SET", "min-replicas-to-write", "0")
        assert await current(driver, SESSION, "key") == b"value"


@every_version
async def test_calls_fail_while_the_server_is_a_replica_on_open_connections_too(server: RealServer) -> None:
    async with opened(aiocache_driver(server, "redis")) as driver, administrator(server) as admin:
        await keep(driver, SESSION, "key", b"value")
        await run(admin, "REPLICAOF", HOST, "1")
        for call in (driver.stamp(SESSION), driver.get(SESSION, "key"), driver.evict(SESSION), driver.ping()):
            with pytest.raises(DriverUnavailable, match="is a replica of"):
                await call
        await run(admin, "REPLICAOF", "NO", "ONE")
        await keep(driver, SESSION, "key", b"new")


VERBS: dict[str, Callable[[Driver], Awaitable[object]]] = {
    "evict": lambda driver: driver.evict(SystemScope("without a generation")),
    "delete": lambda driver: driver.delete(SESSION, "key"),
    "purge": lambda driver: driver.purge(1),
    "stamp": lambda driver: driver.stamp(SESSION),
    "get": lambda driver: driver.get(SESSION, "key"),
    "put": lambda driver: driver.put(SESSION, "key", entry()),
    "put_if_current": lambda driver: driver.put_if_current(SESSION, "key", entry()),
    "usage": lambda driver: driver.usage(SESSION),
    "ping": lambda driver: driver.ping(),
}


@every_version
@pytest.mark.parametrize("takes_writes", [False, True], ids=["read only", "that takes writes"])
@pytest.mark.parametrize("verb", VERBS)
async def test_no_call_counts_as_done_on_a_server_that_has_become_a_replica(
    server: RealServer, verb: str, takes_writes: bool
) -> None:
    async with opened(aiocache_driver(server, "redis")) as driver, administrator(server) as admin:
        await keep(driver, SESSION, "another", b"value")
        await driver.evict(SESSION)  # there is garbage already, so that an eviction need not write that
        await run(admin, "CONFIG", "SET", "replica-read-only", "no" if takes_writes else "yes")
        await run(admin, "REPLICAOF", HOST, "1")

        with pytest.raises(DriverUnavailable, match="is a replica of"):
            await VERBS[verb](driver)


@every_version
async def test_a_full_server_still_reads_evicts_and_frees(server: RealServer) -> None:
    async with opened(aiocache_driver(server, "redis")) as driver, administrator(server) as admin:
        await keep(driver, SESSION, "key", b"value")
        await run(admin, "CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(DriverUnavailable, match="is full"):
            await keep(driver, SESSION, "another", b"value")
        assert await current(driver, SESSION, "key") == b"value"
        await driver.evict(SESSION)
        assert await driver.get(SESSION, "key") is None
        await purge_all(driver)
        assert (await driver.statistics()).entries == 0


@every_version
async def test_a_driver_that_starts_on_a_full_server_reads_evicts_and_frees(server: RealServer) -> None:
    running, fresh, of_another_namespace = (aiocache_driver(server, "redis", namespace=name) for name in ("one", "one", "two"))
    async with opened(running), administrator(server) as admin:
        await keep(running, SESSION, "key", b"value")
        await run(admin, "CONFIG", "SET", "maxmemory", "1")
        await running.ping()
        async with opened(fresh), opened(of_another_namespace):
            await fresh.ping()
            assert await current(fresh, SESSION, "key") == b"value"
            with pytest.raises(DriverUnavailable, match="is full"):
                await keep(fresh, SESSION, "another", b"value")
            await fresh.evict(SESSION)
            assert await fresh.get(SESSION, "key") is None
            await purge_all(fresh)
            assert (await fresh.statistics()).entries == 0
            await of_another_namespace.evict(SESSION)


@every_version
@pytest.mark.parametrize(("every", "warnings"), [(60.0, 1), (0.0, 6)])
async def test_a_full_server_is_warned_of_now_and_then(
    server: RealServer, monkeypatch: pytest.MonkeyPatch, every: float, warnings: int
) -> None:
    monkeypatch.setattr(redis_layout, "WARN_EVERY", every)
    async with opened(aiocache_driver(server, "redis")) as driver, administrator(server) as admin:
        with capture_logs() as logs:
            for room in ("1", "1", "0", "1"):
                await run(admin, "CONFIG", "SET", "maxmemory", room)
                with suppress(DriverUnavailable):
                    await driver.put(SESSION, "key", entry())
                with suppress(DriverUnavailable):
                    await driver.stamp(SystemScope(f"after {len(logs)}"))
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == [FULL] * warnings


@every_version
async def test_scripts_that_a_server_has_forgotten_are_sent_again(server: RealServer) -> None:
    async with opened(aiocache_driver(server, "redis")) as driver, administrator(server) as admin:
        await keep(driver, SESSION, "key", b"value")
        await run(admin, "SCRIPT", "FLUSH")
        assert await current(driver, SESSION, "key") == b"value"


@every_version
async def test_a_server_that_knows_no_flags_is_told_in_the_log_at_the_start(server: RealServer, binary: str) -> None:
    with capture_logs() as logs:
        async with opened(aiocache_driver(server, "redis")) as driver:
            await driver.ping()
    told = [line["version"] for line in logs if line["log_level"] == "warning"]
    assert told == (["6.2.5"] if binary == str(OLD_REDIS) else [])
