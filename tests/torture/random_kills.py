"""SIGKILL at random moments, while many sessions at once are cleaned up and the end system fails now and then."""

import asyncio
from pathlib import Path
from random import Random

from tests.torture.desk import at_times, fine
from tests.torture.recovery import recovered
from tests.torture.world import Verdict, World, world

CLIENTS = 12
LIFE = (0.0, 0.2)
"""Seconds, from and to, that a server lives for after it has come up."""
FAILURES = 0.2
"""The share of requests that the end system does not just answer."""


async def killed_at_random(folder: Path, kills: int, seed: int) -> Verdict:
    """Kill and restart the server so many times under load, then take up what is owed and judge all sessions."""
    random = Random(seed)
    async with world(folder) as scene:
        scene.desk.mood = at_times(random, FAILURES)
        up = asyncio.Event()
        clients = [asyncio.create_task(_client(scene, up, Random(random.random()))) for _ in range(CLIENTS)]
        for _ in range(kills):
            await scene.server.start()
            up.set()
            await asyncio.sleep(random.uniform(*LIFE))
            up.clear()
            await scene.server.kill()
        for client in clients:
            client.cancel()
        await asyncio.wait(clients)
        scene.desk.mood = fine
        return await scene.judge(scene.sessions, recorded=await recovered(scene.config))


async def _client(scene: World, up: asyncio.Event, random: Random) -> None:
    """Clean up one session after the other, as OpsHub does: what was not answered is not asked again."""
    while True:
        await up.wait()
        await scene.cleanup(await scene.log_in(everything=random.random() < 0.3))
