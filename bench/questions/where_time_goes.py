"""Where the processor time of one cleanup goes."""

from collections import Counter
from collections.abc import Sequence

from bench.http import own
from bench.http.load import load
from bench.http.sampling import ORDER
from bench.http.servers import served
from bench.http.vitals import KNOWN
from bench.question import Answer, Panel, Question, Run, a_panel_of_parts, at_most
from bench.questions.cleanups_per_second import CONNECTIONS, PER_SECOND


async def measure(run: Run) -> Sequence[Answer]:
    """Sample a server under full load, and divide what its parts have used by the number of cleanups."""
    if not KNOWN:
        return []
    turns, cleanups = run.pick(5, 1), run.pick(20_000, 1_000)
    advance = run.begin(f"{CONNECTIONS} at once, sampled", 1 + turns)
    spent: Counter[str] = Counter()
    with served(own.observed, run.folder_of_its_own()) as server:
        for turn in range(1 + turns):
            await server.call("POST", f"{own.HELD}?seed={turn}&sessions={cleanups}")
            await server.call("POST", own.SAMPLES)
            await load(server.port, CONNECTIONS, cleanups=cleanups, seed=turn)
            seen = await server.call("GET", own.SAMPLES)
            spent.update(seen if turn else {})
            advance(1)
    parts = {name: used / (turns * cleanups) * 1_000_000 for name, used in spent.items()}
    return [Answer("one cleanup", sum(parts.values()), "microseconds", at_most(round(1_000_000 / PER_SECOND)), parts)]


def panels(answers: Sequence[Answer]) -> list[Panel]:
    """Draw the parts."""
    return [a_panel_of_parts("of the server's processor time for one cleanup", answer, ORDER) for answer in answers]


QUESTION = Question("where-time-goes", "Where the time of a cleanup goes", measure, panels)
