"""What is done to a fleet: each thing is over when it is mended, and has some seconds until nobody may notice it any more."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from tests.servers import RealServer
from tests.torture.fleet.ground import Ground

A_MOMENT = 2.0
"""Seconds for what is noticed and over soon."""
BEYOND_A_CLAIM = 18.0
"""Seconds: longer than an owner is silent before it is taken for gone."""

Do = Callable[[Ground, Random], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Happening:
    """One of them."""

    what: str
    do: Do
    recovers: float | None
    """Seconds after it was mended in which calls may still fail because of it; None if no call may ever."""


async def kill_a_replica(ground: Ground, random: Random) -> None:
    replica = random.choice(ground.replicas)
    await replica.kill()
    await asyncio.sleep(random.uniform(0.0, A_MOMENT))
    await replica.start()
    await ground.all_up()


async def take_a_disk(ground: Ground, random: Random) -> None:
    replica = random.choice(ground.replicas)
    await replica.lose_its_disk()
    await replica.start()
    await ground.all_up()


async def pause_a_replica(ground: Ground, random: Random) -> None:
    await _paused(ground, random, A_MOMENT)


async def pause_a_replica_for_long(ground: Ground, random: Random) -> None:
    await _paused(ground, random, BEYOND_A_CLAIM)


async def _paused(ground: Ground, random: Random, seconds: float) -> None:
    replica = random.choice(ground.replicas)
    replica.pause()
    await asyncio.sleep(seconds)
    replica.resume()
    await ground.all_up()


async def restart_all_in_turn(ground: Ground, random: Random) -> None:
    for number, replica in enumerate(ground.replicas):
        assert await replica.stop() == 0
        await ground.front.until(number, "DOWN")
        await replica.start()
        await ground.front.until(number, "UP")


async def kill_the_database(ground: Ground, random: Random) -> None:
    await _killed(ground.postgres.server)


async def pause_the_database(ground: Ground, random: Random) -> None:
    await _server_paused(ground.postgres.server, 3 * A_MOMENT)


async def pause_the_database_for_long(ground: Ground, random: Random) -> None:
    await _server_paused(ground.postgres.server, BEYOND_A_CLAIM)


async def kill_the_bouncer(ground: Ground, random: Random) -> None:
    await _killed(ground.bouncer)


async def kill_the_store(ground: Ground, random: Random) -> None:
    await _killed(ground.redis)


async def pause_the_store(ground: Ground, random: Random) -> None:
    await _server_paused(ground.redis, A_MOMENT)


async def cut_a_replica_off_the_database(ground: Ground, random: Random) -> None:
    await _cut(ground, "database")


async def cut_a_replica_off_the_store(ground: Ground, random: Random) -> None:
    await _cut(ground, "store")


async def _killed(server: RealServer) -> None:
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)


async def _server_paused(server: RealServer, seconds: float) -> None:
    await asyncio.to_thread(server.pause)
    await asyncio.sleep(seconds)
    server.resume()


async def _cut(ground: Ground, name: str) -> None:
    await ground.cables[name].cut()
    await asyncio.sleep(2 * A_MOMENT)
    ground.cables[name].mend()


RECOVERS = 5.0
"""Seconds: what takes a second here, on a busy machine."""
HAPPENINGS = (
    Happening("a replica killed", kill_a_replica, RECOVERS),
    Happening("a replica's disk lost", take_a_disk, RECOVERS),
    Happening("a replica paused for two seconds", pause_a_replica, RECOVERS),
    Happening("a replica paused for longer than a claim", pause_a_replica_for_long, RECOVERS),
    Happening("a rolling restart", restart_all_in_turn, None),
    Happening("the database killed", kill_the_database, RECOVERS),
    Happening("the database paused for six seconds", pause_the_database, RECOVERS),
    Happening("the database paused for longer than a claim", pause_the_database_for_long, RECOVERS),
    Happening("PgBouncer killed", kill_the_bouncer, RECOVERS),
    Happening("Redis killed, and empty", kill_the_store, RECOVERS),
    Happening("Redis paused for two seconds", pause_the_store, RECOVERS),
    Happening("a replica cut off from the database", cut_a_replica_off_the_database, RECOVERS),
    Happening("a replica cut off from Redis", cut_a_replica_off_the_store, RECOVERS),
)
