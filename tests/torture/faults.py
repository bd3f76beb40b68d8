"""Writes of a running server fail, every third or some of them; then none does any more."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.torture.desk import fine, unavailable
from tests.torture.recovery import recovered
from tests.torture.tracing import FILE_CALLS, traced
from tests.torture.world import Verdict, World, world

CLIENTS = 4
ROUNDS = 15
WITHIN = 60.0
LOOK_EVERY = 0.02


@dataclass(frozen=True, slots=True)
class Failed:
    """What cleanups were told while writing failed, and what became of them."""

    statuses: Counter[int | None]
    verdict: Verdict


async def failing_writes(folder: Path, error: str, every: int) -> Failed:
    """Have every so-many-th of the calls that change files fail with this error, then kill the server and judge.

    The end system is away meanwhile: a 200 says that the logout is durably owed, and nothing else would do it. In between, the
    faults end, and the same server has to answer 200 again. Raises `TimeoutError` if it does not.
    """
    async with world(folder) as scene:
        scene.desk.mood = unavailable
        await scene.server.start()
        inject = f"error={error}:when={every}+{every}"
        async with traced("-f", "-p", str(scene.server.pid), calls=FILE_CALLS, inject=inject):
            for _ in range(ROUNDS):
                await _clean_up(scene)
        statuses = Counter(session.status for session in scene.sessions)
        await _works_again(scene)
        await scene.server.kill()
        scene.desk.mood = fine
        return Failed(statuses, await scene.judge(scene.sessions, recorded=await recovered(scene.config)))


async def _clean_up(scene: World) -> None:
    sessions = [await scene.log_in() for _ in range(CLIENTS)]
    async with asyncio.TaskGroup() as cleanups:
        for session in sessions:
            cleanups.create_task(scene.cleanup(session))


async def _works_again(scene: World) -> None:
    async with asyncio.timeout(WITHIN):
        while True:
            if await scene.cleanup(await scene.log_in()) == 200:
                return
            await asyncio.sleep(LOOK_EVERY)
