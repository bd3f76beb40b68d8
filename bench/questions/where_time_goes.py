"""Where the processor time of one cleanup goes."""

from collections.abc import Mapping, Sequence

import aiohttp

from bench.http import own
from bench.http.load import HOST, load
from bench.http.servers import Server, served
from bench.question import Answer, Panel, Question, Run, at_most
from bench.questions.cleanups_per_second import CONNECTIONS, PER_SECOND

PATIENCE = aiohttp.ClientTimeout(30)


async def measure(run: Run) -> Sequence[Answer]:
    """Sample a server under full load, and divide what its parts have used by the number of cleanups."""
    seconds = run.pick(30.0, 1.0)
    advance = run.begin(f"{CONNECTIONS} at once for {seconds:g} seconds, sampled", 2)
    with served(own.observed, run.folder_of_its_own()) as server:
        await load(server.port, CONNECTIONS, seconds=run.pick(3.0, 0.3))
        advance(1)
        await _call(server, "POST")
        cleanups = (await load(server.port, CONNECTIONS, seconds=seconds)).cleanups
        spent = await _call(server, "GET")
        advance(1)
    parts = {name: used / cleanups * 1_000_000 for name, used in spent.items()}
    return [Answer("one cleanup", sum(parts.values()), "microseconds", at_most(round(1_000_000 / PER_SECOND)), parts)]


async def _call(server: Server, method: str) -> Mapping[str, float]:
    async with aiohttp.request(method, f"http://{HOST}:{server.port}{own.SAMPLES}", timeout=PATIENCE) as answer:
        spent: Mapping[str, float] = await answer.json()
        return spent


def panels(answers: Sequence[Answer]) -> list[Panel]:
    """Draw the parts."""
    return [
        Panel(
            "of the server's processor time for one cleanup",
            answer.unit,
            {name: {"": used} for name, used in answer.peers.items()},
            logarithmic=False,
        )
        for answer in answers
    ]


QUESTION = Question("where-time-goes", "Where the time of a cleanup goes", measure, panels)
