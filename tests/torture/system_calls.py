"""SIGKILL at each system call of a cleanup that writes, flushes, cuts or sends, in each thread of the server."""

from dataclasses import dataclass
from pathlib import Path

from tests.torture.recovery import recovered
from tests.torture.tracing import FILE_CALLS, threads, traced
from tests.torture.world import Verdict, World, world

CALLS = f"{FILE_CALLS},write,writev,sendto,sendmsg"
MOST = 200
"""Calls of one thread: more than there are."""


@dataclass(frozen=True, slots=True)
class Killed:
    """What became of one cleanup whose server was killed as a thread made its `number`-th call."""

    thread: int
    number: int
    verdict: Verdict


async def killed_at_each_call(folder: Path, *, every: int = 1) -> list[Killed]:
    """Kill at every so-many-th call, until no more is made; each time a new server takes up what the last one left."""
    kills: list[Killed] = []
    async with world(folder) as scene:
        await scene.server.start()
        count = len(threads(scene.server.pid))
        await scene.server.kill()
        for thread in range(count):
            for number in range(1, MOST, every):
                verdict = await _killed(scene, thread, number)
                if verdict is None:
                    break
                kills.append(Killed(thread, number, verdict))
    return kills


async def _killed(scene: World, thread: int, number: int) -> Verdict | None:
    """Kill the server at one call of one thread; None if the cleanup was answered without it."""
    await scene.server.start()
    target = threads(scene.server.pid)[thread : thread + 1]
    session = await scene.log_in(everything=True)
    async with traced("-p", *map(str, target), expression=f"{CALLS}:signal=KILL:when={number}"):
        answered = await scene.cleanup(session) is not None
        survived = answered and await scene.server.takes_connections()
    await scene.server.kill()
    verdict = await scene.judge([session], recorded=await recovered(scene.config))
    return None if survived else verdict
