"""How many durable cleanups a second, beside servers that do nothing but answer."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from bench.http import own, peers
from bench.http.load import Load, load
from bench.http.servers import Server, served
from bench.http.vitals import KNOWN, cpu_seconds
from bench.question import OURS, Answer, Goal, Question, Run, at_least, at_most

BARE = "aiohttp, parsing and answering only"
FASTAPI = "FastAPI on uvicorn, parsing and answering only"
UNCACHED = f"{OURS}, nothing cached"


@dataclass(frozen=True, slots=True)
class Kind:
    """A server, and what it is asked for in each of its turns."""

    serve: Callable[[], None]
    cleanups: int
    """Some seconds' worth."""
    holding: bool = False
    """Whether each session has something cached, so that its eviction has to be durable."""


CONTENDERS: Mapping[str, Kind] = {
    OURS: Kind(own.observed, 12_000, holding=True),
    UNCACHED: Kind(own.observed, 20_000),
    f"{OURS}, a transaction each": Kind(own.without_group_commit, 2_500, holding=True),
    BARE: Kind(peers.bare_aiohttp, 60_000),
    FASTAPI: Kind(peers.fastapi, 12_000),
}
CONNECTIONS = 64
PER_SECOND, OF_BARE, P99, UNCACHED_CPU = 3_000, 0.5, 50, 85
"""Cleanups, the share of what the bare handler answers, milliseconds, and microseconds: the goals. The others follow from the
first."""


@dataclass(slots=True)
class Contender:
    """A server that is up, and what was measured in each of its turns."""

    server: Server
    kind: Kind
    loads: list[Load] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Seconds of processor time for each cleanup, where the system tells."""

    async def turn(self, seed: int, share: float) -> None:
        """Let it have the machine for this share of its cleanups."""
        cleanups = round(self.kind.cleanups * share)
        if self.kind.holding:
            await self.server.call("POST", f"{own.HELD}?seed={seed}&sessions={cleanups}")
        before = cpu_seconds(self.server.pid) if KNOWN else 0.0
        found = await load(self.server.port, CONNECTIONS, cleanups=cleanups, seed=seed)
        self.loads.append(found)
        self.cpu += [(cpu_seconds(self.server.pid) - before) / found.cleanups] if KNOWN else []


async def measure(run: Run) -> Sequence[Answer]:
    """Have all servers up at once, and ask each in turn; their first turns do not count."""
    rounds, share = run.pick(9, 1), run.pick(1.0, 0.05)
    advance = run.begin(f"{CONNECTIONS} at once", (1 + rounds) * len(CONTENDERS))
    with ExitStack() as stack:
        folders = {name: run.folder_of_its_own() for name in CONTENDERS}
        field = {
            name: Contender(stack.enter_context(served(kind.serve, folders[name])), kind) for name, kind in CONTENDERS.items()
        }
        for turn in range(1 + rounds):
            for contender in field.values():
                await contender.turn(turn, share)
                advance(1)
    return _answers(field)


def _answers(field: Mapping[str, Contender]) -> list[Answer]:
    rates = _medians(field, lambda each: [load.cleanups / load.seconds for load in each.loads])
    p50 = _medians(field, lambda each: [load.p50 * 1000 for load in each.loads])
    p99 = _medians(field, lambda each: [load.p99 * 1000 for load in each.loads])
    answers = [
        _answer("cleanups", rates, "per second", at_least(PER_SECOND)),
        *_shares("", rates[OURS], rates),
        *_shares(", nothing cached", rates[UNCACHED], rates),
        _answer("half are answered within", p50, "ms", at_most(round(1000 * CONNECTIONS / PER_SECOND))),
        _answer("99 of 100 are answered within", p99, "ms", at_most(P99)),
    ]
    if KNOWN:
        cpu = _medians(field, lambda each: [spent * 1_000_000 for spent in each.cpu])
        answers += [
            _answer("processor time of the server for each", cpu, "microseconds", at_most(round(1_000_000 / PER_SECOND))),
            Answer("processor time of the server for each, nothing cached", cpu[UNCACHED], "microseconds", at_most(UNCACHED_CPU)),
        ]
    return answers


def _shares(which: str, rate: float, rates: Mapping[str, float]) -> list[Answer]:
    return [
        Answer(f"against aiohttp, parsing and answering only{which}", rate / rates[BARE], "times", at_least(OF_BARE)),
        Answer(f"against FastAPI, parsing and answering only{which}", rate / rates[FASTAPI], "times", at_least(1)),
    ]


def _medians(field: Mapping[str, Contender], figures: Callable[[Contender], Sequence[float]]) -> dict[str, float]:
    return {name: median(figures(contender)[1:]) for name, contender in field.items()}


def _answer(part: str, figures: Mapping[str, float], unit: str, goal: Goal) -> Answer:
    return Answer(part, figures[OURS], unit, goal, {name: figure for name, figure in figures.items() if name != OURS})


QUESTION = Question("cleanups-per-second", "Durable cleanups over HTTP", measure, limits=(BARE,))
