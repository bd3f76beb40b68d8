"""Where the processor time of one cleanup goes."""

from collections.abc import Sequence

from bench.http import own
from bench.http.load import load
from bench.http.servers import served
from bench.http.vitals import KNOWN
from bench.question import Answer, Panel, Question, Run, at_most
from bench.questions.cleanups_per_second import CONNECTIONS, PER_SECOND


async def measure(run: Run) -> Sequence[Answer]:
    """Sample a server under full load, and divide what its parts have used by the number of cleanups."""
    if not KNOWN:
        return []
    seconds = run.pick(30.0, 1.0)
    advance = run.begin(f"{CONNECTIONS} at once for {seconds:g} seconds, sampled", 2)
    with served(own.observed, run.folder_of_its_own()) as server:
        await load(server.port, CONNECTIONS, seconds=run.pick(3.0, 0.3))
        advance(1)
        await server.call("POST", own.SAMPLES)
        cleanups = (await load(server.port, CONNECTIONS, seconds=seconds)).cleanups
        spent = await server.call("GET", own.SAMPLES)
        advance(1)
    parts = {name: used / cleanups * 1_000_000 for name, used in spent.items()}
    return [Answer("one cleanup", sum(parts.values()), "microseconds", at_most(round(1_000_000 / PER_SECOND)), parts)]


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
