"""The store that a fleet shares: one Redis, or one that Sentinels watch."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random
from typing import Protocol

from redis.exceptions import RedisError

from tests.drivers.redis_admin import administrator
from tests.drivers.watched_redis import NAME, Watched, watched_redis
from tests.fleet.cable import Cable, cable
from tests.ports import HOST
from tests.servers import RealServer, redis_server
from tests.torture.fleet.happenings import A_MOMENT, Happening, cut, killed, paused

WITHIN, LOOK_EVERY = 60.0, 0.1
"""Seconds until the Redis takes writes again at the latest, and between two looks."""
REQUIRED = ("--min-replicas-to-write", "1", "--min-replicas-max-lag", "1")
"""What the manual recommends where Sentinels fail over."""


class Store(Protocol):
    """A store, running."""

    @property
    def happenings(self) -> Sequence[Happening]:
        """What may be done to it."""
        ...

    def lines(self, number: int) -> str:
        """Return how a replica's configuration names it; the first one may have a way of its own."""
        ...


class OneRedis:
    """One Redis, which the first replica reaches by a cable."""

    def __init__(self, server: RealServer, cable: Cable) -> None:
        self._server = server
        self._cable = cable

    @property
    def happenings(self) -> Sequence[Happening]:
        return [
            killed("Redis killed, and empty", self._server),
            paused("Redis paused for two seconds", self._server, A_MOMENT),
            cut("a replica cut off from Redis", self._cable),
        ]

    def lines(self, number: int) -> str:
        return f"port = {self._server.port if number else self._cable.port}"


class WatchedRedis:
    """A Redis with two replicas and three Sentinels. Whatever is done to a master is done to the one of that moment."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched

    @property
    def happenings(self) -> Sequence[Happening]:
        return [
            Happening("Redis failed over, with the former master well", self._switch),
            Happening("the Redis master killed until another one is promoted", self._kill),
            Happening("the Redis master paused until another one is promoted", self._pause),
            Happening("the Redis master restarted at once, and empty", self._restart),
            Happening("the Redis master cut off from its replicas", self._leave_it_alone),
            Happening("a replica of Redis killed", self._kill_a_replica),
            Happening("a Sentinel killed", self._kill_a_sentinel),
        ]

    def lines(self, number: int) -> str:
        sentinels = ", ".join(f'"{HOST}:{sentinel.port}"' for sentinel in self._watched.sentinels)
        return f'sentinels = [{sentinels}]\nmaster_name = "{NAME}"'

    async def _switch(self, _: Random) -> None:
        await self._watched.fail_over()
        await self._promoted()

    async def _kill(self, _: Random) -> None:
        former = self._watched.master
        await asyncio.to_thread(former.kill)
        await self._promoted()
        await asyncio.to_thread(former.start)
        await self._until_it_takes_writes()

    async def _pause(self, _: Random) -> None:
        former = self._watched.master
        await asyncio.to_thread(former.pause)
        await self._promoted()
        await asyncio.sleep(A_MOMENT)
        former.resume()
        await self._until_it_takes_writes()

    async def _restart(self, _: Random) -> None:
        await asyncio.to_thread(self._watched.master.kill)
        await asyncio.to_thread(self._watched.master.start)
        await asyncio.sleep(A_MOMENT)  # Sentinels may have noticed it, and fail over
        await self._until_it_takes_writes()

    async def _leave_it_alone(self, _: Random) -> None:
        """Let it hear nothing of its replicas, so that it takes no writes. Nobody else can be promoted meanwhile."""
        replicas = self._watched.replicas
        for replica in replicas:
            await asyncio.to_thread(replica.pause)
        await asyncio.sleep(2 * A_MOMENT)
        for replica in replicas:
            replica.resume()
        await self._until_it_takes_writes()

    async def _kill_a_replica(self, random: Random) -> None:
        await killed("", random.choice(self._watched.replicas)).do(random)

    async def _kill_a_sentinel(self, random: Random) -> None:
        await killed("", random.choice(self._watched.sentinels)).do(random)

    async def _promoted(self) -> None:
        self._remember(await self._watched.until_promoted())
        await self._until_it_takes_writes()

    async def _until_it_takes_writes(self) -> None:
        """Wait until the master has the replica that it requires. One that lost all waits for seconds before it feeds any.

        A new master that gets no processor for a second loses the only one that it has. That one comes back ten seconds later.
        """
        async with asyncio.timeout(WITHIN):
            while not await self._has_a_replica():  # noqa: ASYNC110 - other processes change it
                await asyncio.sleep(LOOK_EVERY)

    async def _has_a_replica(self) -> bool:
        self._remember(await self._watched.leader())
        try:
            async with administrator(self._watched.master) as asked:
                told = await asked.info("replication")
        except RedisError:
            return False
        return told["role"] == "master" and int(told.get("min_slaves_good_slaves", 0)) > 0

    def _remember(self, master: RealServer) -> None:
        servers = (self._watched.master, *self._watched.replicas)
        self._watched = replace(self._watched, master=master, replicas=[each for each in servers if each is not master])


@asynccontextmanager
async def one_redis() -> AsyncIterator[Store]:
    """Run one."""
    with redis_server() as server:
        async with cable(server.port) as laid:
            yield OneRedis(server, laid)


@asynccontextmanager
async def redis_with_sentinels() -> AsyncIterator[Store]:
    """Run all of them."""
    async with watched_redis(*REQUIRED) as watched:
        yield WatchedRedis(watched)
