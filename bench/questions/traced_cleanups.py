"""What traces cost: the processor time of a cleanup with and without them."""

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from bench.http import own, taking_spans
from bench.http.cores import ASKING
from bench.http.load import load
from bench.http.servers import ROOT, Server, served
from bench.http.talks import HOST
from bench.http.vitals import KNOWN, cpu_seconds
from bench.question import Answer, Question, Run, at_most, must
from bench.questions.cleanups_per_second import CONNECTIONS, PER_SECOND, UNCACHED_CPU

TRACED = """
[traces]
endpoint = "http://{host}:{port}{path}"
"""
KEEPING_ALL = {"OTEL_BSP_MAX_QUEUE_SIZE": "1000000", "OTEL_BSP_SCHEDULE_DELAY": "200"}
"""What has the library send every span, however many wait: by default it drops those of such a load."""
WITHOUT = "without traces"
MOST, MOST_UNCACHED = 2.0, 4.0
"""Times the processor time without traces: the goals."""
AT_LEAST = 2
"""Spans of a cleanup: those of the call and of its work."""
QUIET = 1.0
"""Seconds without a span after which no more come: the library sends five times in it."""


@dataclass(slots=True)
class Contender:
    """A server that is up, and the processor time of each cleanup in each of its turns."""

    server: Server
    collector: Server | None
    """Where its spans go."""
    held: list[float] = field(default_factory=list)
    uncached: list[float] = field(default_factory=list)

    async def turn(self, seed: int, cleanups: int) -> None:
        """Clean up sessions that have something cached, and as many that have not."""
        await self.server.call("POST", f"{own.HELD}?seed={seed}&sessions={cleanups}")
        self.held.append(await self._spent(seed, cleanups))
        self.uncached.append(await self._spent(-1 - seed, cleanups))

    async def _spent(self, seed: int, cleanups: int) -> float:
        """Return the seconds for each cleanup, until its last span is at the collector."""
        spent, spans = cpu_seconds(self.server.pid), await self._counted()
        await load(self.server.port, CONNECTIONS, cleanups=cleanups, seed=seed)
        if self.collector is not None:
            must(await self._all_counted() - spans >= AT_LEAST * cleanups, "every span comes to the collector")
        return (cpu_seconds(self.server.pid) - spent) / cleanups

    async def _all_counted(self) -> int:
        """Return how many spans the collector has once no more come."""
        before, counted = -1, await self._counted()
        while counted > before:
            await asyncio.sleep(QUIET)
            before, counted = counted, await self._counted()
        return counted

    async def _counted(self) -> int:
        return int(await self.collector.call("GET", taking_spans.COUNTED)) if self.collector else 0


async def measure(run: Run) -> Sequence[Answer]:
    """Have a server with traces and one without up at once, and ask each in turn; their first turns do not count."""
    if not KNOWN:
        return []
    rounds, cleanups = run.pick(9, 1), run.pick(12_000, 600)
    advance = run.begin(f"{CONNECTIONS} at once", 2 * (1 + rounds))
    with ExitStack() as stack:
        collector = stack.enter_context(served(taking_spans.collector, run.folder_of_its_own(), cores=[ASKING]))
        shipped = (ROOT / own.CONFIG).read_text("utf-8")
        config = shipped + TRACED.format(host=HOST, port=collector.port, path=taking_spans.TRACES)
        untraced = stack.enter_context(served(own.observed, run.folder_of_its_own(), config=shipped))
        traced = stack.enter_context(served(own.observed, run.folder_of_its_own(), config=config, environ=KEEPING_ALL))
        contenders = Contender(traced, collector), Contender(untraced, None)
        for turn in range(1 + rounds):
            for contender in contenders:
                await contender.turn(turn, cleanups)
                advance(1)
    with_traces, without = contenders
    return [
        *_answers("", with_traces.held, without.held, round(MOST * 1_000_000 / PER_SECOND), MOST),
        *_answers(", nothing cached", with_traces.uncached, without.uncached, MOST_UNCACHED * UNCACHED_CPU, MOST_UNCACHED),
    ]


def _answers(which: str, traced: Sequence[float], untraced: Sequence[float], microseconds: float, most: float) -> list[Answer]:
    with_traces, without = median(traced[1:]), median(untraced[1:])
    spent = Answer(
        f"processor time of the server for each{which}",
        with_traces * 1_000_000,
        "microseconds",
        at_most(microseconds),
        {WITHOUT: without * 1_000_000},
    )
    return [spent, Answer(f"against that without traces{which}", with_traces / without, "times", at_most(most))]


QUESTION = Question("traced-cleanups", "What traces cost", measure)
