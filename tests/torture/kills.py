"""SIGKILL before and after each step of a cleanup, of several cleanups at once."""

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.torture.desk import at_first
from tests.torture.failpoints import Failpoint
from tests.torture.recovery import recovered
from tests.torture.world import Verdict, World, world

AT_ONCE = 6
RETRY = "retry"
"""The one step that not every cleanup takes."""
ANSWERED = "after the answer"


async def killed_at(point: Failpoint, folder: Path) -> Verdict:
    """Run cleanups in two waves, the second of which comes by the point where the process dies; take up what it left, and judge.

    Of every third session the end system first says 503, so that its logout is retried. Raises `AssertionError` if nobody came
    by the point.
    """
    async with world(folder) as scene:
        scene.desk.mood = at_first(3)
        await scene.server.start(point if point.step == RETRY else replace(point, passes=AT_ONCE + point.passes))
        await _clean_up(scene)
        await _clean_up(scene)
        assert await scene.server.ended(), f"nobody came by {point}"
        return await scene.judge(scene.sessions, recorded=await recovered(scene.config))


async def killed_after_the_answers(folder: Path) -> Verdict:
    """Kill the process once all has been answered, while what the end system did not do is owed."""
    async with world(folder) as scene:
        scene.desk.mood = at_first(3)
        await scene.server.start()
        await _clean_up(scene)
        await scene.server.kill()
        return await scene.judge(scene.sessions, recorded=await recovered(scene.config))


async def _clean_up(scene: World) -> None:
    sessions = [await scene.log_in(everything=number % 2 == 0) for number in range(AT_ONCE)]
    async with asyncio.TaskGroup() as cleanups:
        for session in sessions:
            cleanups.create_task(scene.cleanup(session))
