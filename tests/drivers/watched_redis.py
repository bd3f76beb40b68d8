"""A Redis master with two replicas, watched by three Sentinels, all of them real and on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from drivers.aiocached import AiocacheDriver, AiocacheSettings
from tests.drivers.redis_admin import administrator, run
from tests.drivers.stores import fresh_namespace
from tests.ports import HOST
from tests.servers import RealServer, redis_server, sentinel_server

NAME = "mymaster"
QUORUM = 2
WITHIN = 30.0
DOWN_AFTER = "500"
"""Milliseconds."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The servers, and what the Sentinels say of them."""

    master: RealServer
    replicas: list[RealServer]
    sentinels: list[RealServer]

    def driver(self, **settings: Any) -> AiocacheDriver:
        """Return a driver that asks the Sentinels, not yet opened."""
        names = [f"{HOST}:{sentinel.port}" for sentinel in self.sentinels]
        table = {"backend": "redis", "sentinels": names, "master_name": NAME, "namespace": fresh_namespace()}
        return AiocacheDriver("shared", AiocacheSettings.model_validate(table | settings))

    async def fail_over(self) -> None:
        """Have the Sentinels make a replica the master, while the master is well."""
        async with administrator(self.sentinels[0]) as sentinel:
            await _until_it_works(sentinel, "SENTINEL", "FAILOVER", NAME)

    async def until_promoted(self) -> RealServer:
        """Wait until a majority of the Sentinels name a replica as the master, and return it."""
        port = self.master.port
        for sentinel in self.sentinels[:QUORUM]:
            async with administrator(sentinel) as asked, asyncio.timeout(WITHIN):
                while (port := await _port_of_the_master(asked)) == self.master.port:  # noqa: ASYNC110 - Sentinels change it
                    await asyncio.sleep(0.05)
        return next(replica for replica in self.replicas if replica.port == port)

    async def until_demoted(self) -> None:
        """Wait until the Sentinels have made a replica of the former master, which is well: for seconds it serves on."""
        async with administrator(self.master) as asked, asyncio.timeout(WITHIN):
            while (await asked.info("replication"))["role"] != "slave":  # noqa: ASYNC110 - Sentinels change it
                await asyncio.sleep(0.05)

    async def leader(self) -> RealServer:
        """Return the server that the first Sentinel names as the master."""
        async with administrator(self.sentinels[0]) as asked:
            port = await _port_of_the_master(asked)
        return next(server for server in (self.master, *self.replicas) if server.port == port)


@asynccontextmanager
async def watched_redis(*options: str, passwords: tuple[str, str] = ("", "")) -> AsyncIterator[Watched]:
    """Run all of them; with passwords, of the servers and of the Sentinels."""
    of_servers, of_sentinels = passwords
    locked = ["--requirepass", of_servers, "--masterauth", of_servers] if of_servers else []
    login = f"AUTH {of_servers}" if of_servers else ""
    async with AsyncExitStack() as stack:
        master = stack.enter_context(redis_server(*options, *locked, authentication=login, configured=[]))
        follows = [f"replicaof {HOST} {master.port}"]
        slaves = [redis_server(*options, *locked, authentication=login, configured=follows) for _ in range(2)]
        replicas = [stack.enter_context(slave) for slave in slaves]
        lines = [
            f"sentinel monitor {NAME} {HOST} {master.port} {QUORUM}",
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER}",
            f"sentinel failover-timeout {NAME} 2000",
            *([f"sentinel auth-pass {NAME} {of_servers}"] if of_servers else []),
            *([f"requirepass {of_sentinels}", f"sentinel sentinel-pass {of_sentinels}"] if of_sentinels else []),
        ]
        authentication = f"AUTH {of_sentinels}" if of_sentinels else ""
        sentinels = [stack.enter_context(sentinel_server(*lines, authentication=authentication)) for _ in range(3)]
        for sentinel in sentinels:
            async with _asking(sentinel, of_sentinels) as asked:
                await _until_it_works(asked, "SENTINEL", "CKQUORUM", NAME)
                await _until_known(asked)
        yield Watched(master, replicas, sentinels)


@asynccontextmanager
async def _asking(sentinel: RealServer, password: str) -> AsyncIterator[Redis]:
    client = Redis(host=HOST, port=sentinel.port, password=password or None)
    try:
        yield client
    finally:
        await client.aclose()


async def _port_of_the_master(sentinel: Redis) -> int:
    return int((await run(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME))[1])


async def _until_it_works(sentinel: Redis, *command: str) -> None:
    async with asyncio.timeout(WITHIN):
        while True:
            try:
                await run(sentinel, *command)
            except RedisError:
                await asyncio.sleep(0.05)
            else:
                return


async def _until_known(sentinel: Redis) -> None:
    """Wait until a Sentinel knows the others and the replicas, of which the master tells it."""
    async with asyncio.timeout(WITHIN):
        while True:
            told = await run(sentinel, "SENTINEL", "MASTER", NAME)
            if (int(told[b"num-other-sentinels"]), int(told[b"num-slaves"])) == (2, 2):
                return
            await asyncio.sleep(0.05)
