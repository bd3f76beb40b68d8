"""SIGKILL at each system call of a cleanup that writes, flushes, cuts or sends, in each thread of the server."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.torture.recovery import recovered
from tests.torture.tracing import FILE_CALLS, threads, traced
from tests.torture.world import Verdict, World, world

CALLS = f"{FILE_CALLS},write,writev,sendto,sendmsg"
MOST = 200
"""Calls of one name in one thread: more than there are."""


@dataclass(frozen=True, slots=True)
class Killed:
    """What became of one cleanup whose server was killed as it made this call."""

    call: str
    verdict: Verdict


async def killed_at_each_call(folder: Path) -> list[Killed]:
    """Kill at one call after the other until no more is made; each time the application takes up what the server has left."""
    kills: list[Killed] = []
    async with world(folder) as scene:
        for thread, name in sorted(await _calls_made(scene)):
            for number in range(1, MOST):
                killed = await _killed(scene, thread, name, number)
                if killed is None:
                    break
                kills.append(killed)
    return kills


async def _calls_made(scene: World) -> set[tuple[int, str]]:
    """Return which threads, by their age, make which calls in the course of a cleanup."""
    await scene.server.start()
    await scene.server.kill()
    await scene.server.start()  # on files that are there, as each time later: the first start has other threads
    ages = {thread: age for age, thread in enumerate(threads(scene.server.pid))}
    session, output = await scene.log_in(everything=True), scene.config.with_name("calls")
    async with traced("-f", "-p", str(scene.server.pid), calls=CALLS, output=output):
        assert await scene.cleanup(session) == 200
    await scene.server.kill()
    made = re.findall(r"^(\d+) +(\w+)\(", output.read_text(), re.MULTILINE)
    return {(ages[int(thread)], name) for thread, name in made if int(thread) in ages}


async def _killed(scene: World, thread: int, name: str, number: int) -> Killed | None:
    """Kill the server at one call of one thread; None if the cleanup was answered without it."""
    await scene.server.start()
    session, output = await scene.log_in(everything=True), scene.config.with_name("calls")
    target = threads(scene.server.pid)[thread]
    async with traced("-p", str(target), calls=name, inject=f"signal=KILL:when={number}", output=output):
        answered = await scene.cleanup(session) is not None
        survived = answered and await scene.server.takes_connections()
        assert not survived or target in threads(scene.server.pid), "the thread had ended: nothing was tried in it"
    await scene.server.kill()
    verdict = await scene.judge([session], recorded=await recovered(scene.config))
    return None if survived else Killed(_last_call(output).replace(scene.config.parent.name, "the folder"), verdict)


def _last_call(output: Path) -> str:
    """Return the name of the last call that strace has written down, and what it was made on."""
    name, on = re.findall(r"^(\w+)\((?:\d+<([^>]*)>)?", output.read_text(), re.MULTILINE)[-1]
    return f"{name}, {'a socket' if on.startswith(('TCP:', 'socket:')) else Path(on).name}"
