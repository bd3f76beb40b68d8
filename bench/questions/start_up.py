"""How soon a new server can be used, with an empty ledger and with a full one."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import aiohttp

from bench.question import OURS, Answer, Question, Run, at_most, must
from tests.torture.measurements import LOOK_EVERY, WITHIN, Recovery, recovery

ROOT = Path(__file__).parents[2]
BARE = "a bare aiohttp application"
FIRST_ANSWER, READY = 1.5, 2.0
"""The goals, in seconds: until the first cleanup is answered, and until the server is ready although much is owed."""


async def measure(run: Run) -> Sequence[Answer]:
    """Start each in turn. The first time does not count, because files have to be read from the disk."""
    owed, rounds = run.pick(100_000, 500), run.pick(5, 1)
    bare: list[float] = []
    found: dict[int, list[Recovery]] = {0: [], owed: []}
    advance = run.begin(f"starting with nothing and with {owed:,} logouts owed", (rounds + 1) * 3)
    for _ in range(rounds + 1):
        bare.append(await _bare_application())
        advance(1)
        for rows, starts in found.items():
            starts.append(await recovery(run.folder_of_its_own(), rows))
            advance(1)
    return _answers(owed, median(bare[1:]), found[0][1:], found[owed][1:])


async def _bare_application() -> float:
    """Return the seconds until its first answer."""
    port, loop = _free_port(), asyncio.get_running_loop()
    command, begun = (sys.executable, "-m", "bench.bare_application", str(port)), loop.time()
    # asyncio's own way of starting it would have a second thread wait for its end
    process = subprocess.Popen(command, cwd=ROOT)  # noqa: ASYNC220
    try:
        async with asyncio.timeout(WITHIN), aiohttp.ClientSession() as http:
            while not await _answers_at(http, port):
                must(process.poll() is None, f"{BARE} serves")
                await asyncio.sleep(LOOK_EVERY)
        return loop.time() - begun
    finally:
        process.kill()
        process.wait()


async def _answers_at(http: aiohttp.ClientSession, port: int) -> bool:
    try:
        async with http.get(f"http://127.0.0.1:{port}/health/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(owed: int, bare: float, empty: Sequence[Recovery], full: Sequence[Recovery]) -> list[Answer]:
    ready, retrying = median(each.ready for each in full), [each.retrying for each in full if each.retrying is not None]
    must(len(retrying) == len(full), "an owed logout is tried again")
    beside = {f"{OURS}, nothing owed": median(each.ready for each in empty), BARE: bare}
    return [
        Answer(
            "the first cleanup is answered", median(each.answered for each in empty), "s", at_most(FIRST_ANSWER), {BARE: bare}
        ),
        Answer(f"ready, with {owed:,} logouts owed", ready, "s", at_most(READY), beside),
        Answer(f"the first of {owed:,} owed logouts is tried again", median(retrying), "s", at_most(READY)),
    ]


QUESTION = Question("start-up", "Start", measure, limits=(BARE,))
