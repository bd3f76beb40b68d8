"""What cannot hold the entries: refused at the start by its name, in one line. What may pass by itself ends calls only."""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from drivers.aiocached.redis_server import ServerInfo
from drivers.contract import SessionScope
from drivers.driver_errors import DriverMisconfigured, DriverUnavailable
from drivers.testing.subject import keep
from tests.drivers.address import address
from tests.drivers.scripted_redis import HELLO, info, scripted_redis
from tests.drivers.stores import aiocache_driver
from tests.ports import HOST, free_port
from tests.servers import RealServer, redis_server, sentinel_server, twemproxy_server

SESSION = SessionScope("s1", "A")


def node(_redis: RealServer) -> AbstractContextManager[RealServer]:
    return redis_server("--cluster-enabled", "yes", "--cluster-port", str(free_port()))


def sentinel(redis: RealServer) -> AbstractContextManager[RealServer]:
    return sentinel_server(f"sentinel monitor mymaster {HOST} {redis.port} 1")


def replica(redis: RealServer) -> AbstractContextManager[RealServer]:
    return redis_server("--replicaof", HOST, str(redis.port))


def twemproxy(redis: RealServer) -> AbstractContextManager[RealServer]:
    return twemproxy_server(redis, redis=True)


Kind = Callable[[RealServer], AbstractContextManager[RealServer]]
KINDS: dict[Kind, str] = {
    node: "is a node of a cluster; expected a server that holds all keys",
    sentinel: "is a Sentinel, which holds no data; expected .+",
    replica: "is a replica of [0-9.:]+, and takes no writes; expected its master",
    twemproxy: "is a twemproxy, which spreads keys over several servers; expected one server, without a proxy",
}


@pytest.mark.parametrize("database", [0, 1])
@pytest.mark.parametrize(("kind", "reason"), KINDS.items())
async def test_what_cannot_hold_the_entries_is_refused_by_name_in_one_line(
    redis: RealServer, nutcracker_binary: None, kind: Kind, reason: str, database: int
) -> None:
    with kind(redis) as server:
        line = await refusal(server.port, database=database)
    assert re.fullmatch(f"shared: redis at {HOST}:{server.port} {reason}", line)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"HELLO": HELLO, "INFO": info("6.0.16")}, "is version 6.0.16; expected 6.2 or newer"),
        ({"HELLO": HELLO, "INFO": b"$0\r\n\r\n"}, "is version (unknown); expected 6.2 or newer"),
        (
            {"HELLO": b"-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n"},
            "does not know HELLO; expected Redis 6.2 or newer, or Valkey",
        ),
    ],
    ids=["6.0", "without a version", "5"],
)
async def test_a_server_that_is_too_old_is_refused_by_its_version(answers: dict[str, bytes], reason: str) -> None:
    async with scripted_redis(answers) as port:
        assert await refusal(port) == f"shared: redis at {HOST}:{port} {reason}"


PASSING = [
    b"MOVED 3999 127.0.0.1:6381",
    b"ASK 3999 127.0.0.1:6381",
    b"CLUSTERDOWN Hash slot not served",
    b"TRYAGAIN Multiple keys request during rehashing of slot",
    b"LOADING Redis is loading the dataset in memory",
    b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    b"READONLY You can't write against a read only replica.",
    b"NOREPLICAS Not enough good replicas to write.",
    b"OOM command not allowed when used memory > 'maxmemory'.",
    b"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
    b"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    b"UNKILLABLE Sorry the script already executed write commands",
    b"NOGOODSLAVE No suitable replica to promote",
    b"ERR max number of clients reached",
    b"ERR upstream failure",
]


@pytest.mark.parametrize("answer", PASSING, ids=lambda answer: answer.split(b" ")[0].decode())
async def test_an_answer_that_passes_ends_the_attempt_and_not_the_start(redis: RealServer, answer: bytes) -> None:
    async with scripted_redis({"HELLO": HELLO, "INFO": info("7.0.15")}, otherwise=b"-%s\r\n" % answer) as port:
        with address(port) as way:
            driver = aiocache_driver(way.port, "redis")
            try:
                with pytest.raises(DriverUnavailable):
                    await driver.open()
                way.target = redis.port
                way.reset_all()
                await keep(driver, SESSION, "key", b"value")
            finally:
                await driver.aclose()


async def refusal(port: int, **settings: Any) -> str:
    driver = aiocache_driver(port, "redis", **settings)
    try:
        with pytest.raises(DriverMisconfigured) as refused:
            await driver.open()
    finally:
        await driver.aclose()
    return str(refused.value)


@pytest.mark.parametrize(
    ("server", "is_only_a_replica"),
    [
        (ServerInfo(version="7.2.0", mode="standalone", role="slave"), True),
        (ServerInfo(version="7.2.0", mode="standalone", role="master"), False),
        (ServerInfo(version="7.2.0", mode="cluster", role="slave"), False),
        (ServerInfo(version="5.0.0", mode="standalone", role="slave"), False),
    ],
)
def test_a_fail_over_makes_only_a_replica_that_could_be_the_master_fit(server: ServerInfo, *, is_only_a_replica: bool) -> None:
    assert server.is_only_a_replica is is_only_a_replica
