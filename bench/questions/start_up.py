"""How soon a new server can be used, with an empty ledger and with a full one."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import aiohttp

from bench.http.servers import commanded
from bench.imports import imported
from bench.process import resident_bytes
from bench.question import OURS, Answer, Panel, Question, Run, a_panel_for_each, a_panel_of_parts, at_most, must
from tests.torture.measurements import LOOK_EVERY, WITHIN, Recovery, recovery

ROOT = Path(__file__).parents[2]
BARE = "a bare aiohttp application"
FIRST_ANSWER, READY, IMPORTS, IDLE = 0.35, 2.0, 250, 60
"""The goals: seconds until the first cleanup is answered, and until the server is ready although much is owed; milliseconds of
imports; and megabytes of a server that has nothing to do."""
IMPORTED, OTHERS, NAMED = "imports", "other libraries", 8
"""The packages that take the most are named, and the others together."""


async def measure(run: Run) -> Sequence[Answer]:
    """Start each in turn. The first time does not count, because files have to be read from the disk."""
    owed, rounds = run.pick(100_000, 500), run.pick(5, 1)
    bare: list[float] = []
    found: dict[int, list[Recovery]] = {0: [], owed: []}
    idle, imports = list[float](), list[Mapping[str, float]]()
    advance = run.begin(f"starting with nothing and with {owed:,} logouts owed", (rounds + 1) * 5)
    for _ in range(rounds + 1):
        bare.append(await _bare_application())
        advance(1)
        for rows, starts in found.items():
            starts.append(await recovery(run.folder_of_its_own(), rows))
            advance(1)
        idle.append(_idle_megabytes(run.folder_of_its_own()))
        imports.append(imported(run.folder_of_its_own()))
        advance(2)
    return [
        *_answers(owed, median(bare[1:]), found[0][1:], found[owed][1:]),
        _imports(imports[1:]),
        Answer("memory of an idle server", median(idle[1:]), "MB", at_most(IDLE)),
    ]


def _idle_megabytes(folder: Path) -> float:
    with commanded(folder) as server:
        return resident_bytes(server.pid) / 1_000_000


def _imports(found: Sequence[Mapping[str, float]]) -> Answer:
    packages = {name: median(each.get(name, 0.0) for each in found) for name in {name for each in found for name in each}}
    ranked = sorted(packages, key=lambda name: -packages[name])
    peers = {name: packages[name] for name in ranked[:NAMED]} | {OTHERS: sum(packages[name] for name in ranked[NAMED:])}
    return Answer(IMPORTED, sum(packages.values()), "ms", at_most(IMPORTS), peers)


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


def panels(answers: Sequence[Answer]) -> list[Panel]:
    """Draw the starts, and the packages that are imported, the dearest first."""
    starts = [answer for answer in answers if answer.part != IMPORTED]
    parts = [a_panel_of_parts("imports until it serves", answer, ()) for answer in answers if answer.part == IMPORTED]
    return [*a_panel_for_each(starts), *parts]


QUESTION = Question("start-up", "Start", measure, panels, limits=(BARE,))
