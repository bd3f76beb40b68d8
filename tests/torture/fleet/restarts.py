"""What is done to the replicas of a fleet."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from functools import partial
from random import Random

from tests.balancer import Balancer
from tests.torture.fleet.happenings import A_MOMENT, BEYOND_A_CLAIM, Happening
from tests.torture.fleet.replicas import WITHIN, Replica


class Restarts:
    """Ends replicas, and starts them again, behind their load balancer."""

    def __init__(self, replicas: Sequence[Replica], front: Balancer) -> None:
        self._replicas = replicas
        self._front = front

    @property
    def happenings(self) -> list[Happening]:
        """Return what may be done."""
        return [
            Happening("a replica killed", self._kill),
            Happening("a replica's disk lost", self._take_a_disk),
            Happening("a replica paused for two seconds", partial(self._pause, seconds=A_MOMENT)),
            Happening("a replica paused for longer than a claim", partial(self._pause, seconds=BEYOND_A_CLAIM)),
            Happening("a rolling restart", lambda _: self.restart_all_in_turn(), recovers=None),
        ]

    @property
    def upgrade(self) -> Happening:
        """Return what makes all of today's version."""
        return Happening("a rolling upgrade", lambda _: self._upgrade_all_in_turn(), recovers=None)

    def processes(self) -> list[int]:
        """Return the processes of the replicas, and this one, which has the end system and the clients."""
        return [os.getpid(), *(replica.pid for replica in self._replicas if replica.pid is not None)]

    async def all_up(self) -> None:
        """Wait until the load balancer sends work to each replica."""
        async with asyncio.timeout(WITHIN):
            for number in range(len(self._replicas)):
                await self._front.until(number, "UP")

    async def restart_all_in_turn(self, more: Mapping[str, str] | None = None, *, tick: float | None = None) -> None:
        """Restart one after the other, with these variables besides and perhaps another tick, so that no client notices."""
        async with asyncio.timeout(len(self._replicas) * 2 * WITHIN):
            for number, replica in enumerate(self._replicas):
                assert await replica.stop() == 0
                await self._front.until(number, "DOWN")
                replica.tick = tick or replica.tick
                await replica.start(more)
                await self._front.until(number, "UP")

    async def _upgrade_all_in_turn(self) -> None:
        for replica in self._replicas:
            replica.is_older = False
        await self.restart_all_in_turn()

    async def _kill(self, random: Random) -> None:
        replica = random.choice(self._replicas)
        await replica.kill()
        await asyncio.sleep(random.uniform(0.0, A_MOMENT))
        await replica.start()
        await self.all_up()

    async def _take_a_disk(self, random: Random) -> None:
        replica = random.choice(self._replicas)
        await replica.lose_its_disk()
        await replica.start()
        await self.all_up()

    async def _pause(self, random: Random, seconds: float) -> None:
        replica = random.choice(self._replicas)
        replica.pause()
        await asyncio.sleep(seconds)
        replica.resume()
        await self.all_up()
