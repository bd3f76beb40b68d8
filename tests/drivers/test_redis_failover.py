"""An address that moves to another Redis, while the one that it led to lives on, and with it the connections that are there."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from drivers.contract import Driver, SessionScope
from drivers.driver_errors import DriverUnavailable
from drivers.testing.subject import keep, opened
from tests.drivers.address import Address, address
from tests.drivers.redis_admin import administrator, run
from tests.drivers.stores import aiocache_driver
from tests.ports import HOST, free_port
from tests.servers import RealServer, redis_server

SESSION = SessionScope("s1", "A")
CONNECTIONS = 4
WITHIN = 30.0
NAMESPACE = "failover"
SLOWLY = ("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")

Turn = Callable[[Redis, Redis], Awaitable[None]]
"""Makes a server what cannot be written to, given its administrator and that of the server that takes over."""


@pytest.fixture
def former(redis_binary: None) -> Iterator[RealServer]:
    with redis_server("--replica-serve-stale-data", "no", *SLOWLY) as server:
        yield server


@pytest.fixture
def successor(redis_binary: None) -> Iterator[RealServer]:
    with redis_server("--repl-diskless-sync-delay", "0") as server:
        yield server


async def replica(former: Redis, successor: Redis) -> None:
    await _replicate(former, successor)
    await _until(former, "replication", master_link_status="up")


async def replica_that_loads(former: Redis, successor: Redis) -> None:
    async with successor.pipeline(transaction=False) as writes:
        for number in range(5_000):
            writes.set(f"filler:{number}", "x" * 100)
        await writes.execute()
    await _replicate(former, successor)
    await _until(former, "persistence", loading=1)


async def replica_without_its_master(former: Redis, _successor: Redis) -> None:
    await run(former, "REPLICAOF", HOST, "1")


async def master_without_replicas(former: Redis, _successor: Redis) -> None:
    await run(former, "CONFIG", "SET", "min-replicas-to-write", "1")


@asynccontextmanager
async def on_its_way_to(former: RealServer) -> AsyncIterator[tuple[Driver, Address]]:
    """Give a driver all of whose connections lead to this server, by an address that can be moved."""
    with address(former.port) as way:
        driver = aiocache_driver(way.port, "redis", pool_size=CONNECTIONS, namespace=NAMESPACE, operation_timeout=10)
        async with opened(driver), asyncio.timeout(WITHIN):
            await asyncio.gather(
                *(keep(driver, SessionScope(f"s{number}"), "key", b"value") for number in range(CONNECTIONS * 4))
            )
            assert way.made == [former.port] * CONNECTIONS
            yield driver, way


TURNS = {
    replica: "is a replica of",
    replica_that_loads: "is a replica of",
    replica_without_its_master: "is a replica of",
    master_without_replicas: "has too few replicas to take writes",
}


@pytest.mark.parametrize("turn", TURNS)
async def test_a_call_that_comes_upon_a_former_master_goes_on_to_its_successor(
    former: RealServer, successor: RealServer, turn: Turn
) -> None:
    async with on_its_way_to(former) as (driver, way), administrator(former) as old, administrator(successor) as new:
        await turn(old, new)
        way.target = successor.port

        await driver.evict(SESSION)

        assert way.made[CONNECTIONS:] == [successor.port]


@pytest.mark.parametrize(("turn", "told"), TURNS.items())
async def test_calls_fail_until_the_address_has_moved_and_then_work_without_a_restart(
    former: RealServer, successor: RealServer, turn: Turn, told: str
) -> None:
    async with on_its_way_to(former) as (driver, way), administrator(former) as old, administrator(successor) as new:
        await turn(old, new)
        for _ in range(2 * CONNECTIONS):
            with pytest.raises(DriverUnavailable, match=told):
                await driver.evict(SESSION)
        way.target = successor.port

        await asyncio.gather(*(keep(driver, SessionScope(f"s{number}"), "key", b"new") for number in range(CONNECTIONS * 4)))

        async with administrator(successor) as there:
            assert len(await run(there, "KEYS", f"{{{NAMESPACE}}}:g:*")) >= CONNECTIONS * 4


@pytest.fixture
def node(redis_binary: None) -> Iterator[RealServer]:
    """A node of a cluster. The port of its bus would else be one that the kernel gives to anybody."""
    with redis_server("--cluster-enabled", "yes", "--cluster-port", str(free_port())) as server:
        yield server


async def test_an_address_that_leads_to_a_node_of_a_cluster_for_a_while_ends_calls_only(
    former: RealServer, successor: RealServer, node: RealServer
) -> None:
    async with on_its_way_to(former) as (driver, way):
        way.target = node.port
        former.kill()
        with pytest.raises(DriverUnavailable, match="is a node of a cluster"):
            await driver.evict(SESSION)
        way.target = successor.port

        await driver.evict(SESSION)


async def _replicate(former: Redis, successor: Redis) -> None:
    await run(former, "REPLICAOF", HOST, str(_port(successor)))


def _port(admin: Redis) -> int:
    port: int = admin.connection_pool.connection_kwargs["port"]
    return port


async def _until(admin: Redis, section: str, **expected: object) -> None:
    async with asyncio.timeout(WITHIN):
        while not expected.items() <= (await admin.info(section)).items():  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.01)
