"""What happens when one session of a million entries is evicted: how long it takes, and for how long nothing else can run."""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from statistics import median
from time import perf_counter

from bench.measure import Stalls, isolated, timed
from bench.process import resident_bytes
from bench.question import Answer, Goal, Question, Run, at_most, must
from bench.questions.large_session import DICTIONARY, LARGE, OWN, LargeSession

IN_THIS_PROCESS = (OWN, DICTIONARY, "aiocache memory, clear(namespace)")
"""Whose bytes come back to this process, if they come."""
WITHIN = 10.0
"""Seconds to wait until everything is gone."""
SOME, FEW = 0.01, 5_000
"""The part of the interpreter's blocks, and their number, that may stay: it keeps some for itself."""
POLL = 0.01


@dataclass(frozen=True, slots=True)
class Loss:
    """The times of an eviction, in seconds."""

    eviction: float
    stall: float
    """The longest, until all was gone."""
    returned: float
    """Until what it had taken was given back to the allocator; `WITHIN` if it was not."""
    left: float
    """The part of the process's growth that was still there then: one object that lives keeps a megabyte of others'."""


async def lost(name: str, entries: int) -> dict[str, float]:
    """Fill this process, evict, and look on until all is gone: a `Loss`, as a dictionary."""
    small, few = resident_bytes(), sys.getallocatedblocks()
    async with LARGE[name](entries) as session:
        gc.collect()
        large, enough = resident_bytes(), few + max(FEW, SOME * (sys.getallocatedblocks() - few))
        async with Stalls().watching() as stalls:
            eviction = await timed(session.evict())
            returned = await _seconds_until(lambda: _is_over(session, enough))
        left = max(0, resident_bytes() - small) / max(1, large - small)
        must(await session.gone(), f"{name} has lost everything")
    return asdict(Loss(eviction, stalls.longest, returned, left))


async def _is_over(session: LargeSession, enough: float) -> bool:
    return await session.gone() and sys.getallocatedblocks() <= enough


async def _seconds_until(is_over: Callable[[], Awaitable[bool]]) -> float:
    begun = perf_counter()
    while not await is_over() and perf_counter() - begun < WITHIN:  # noqa: ASYNC110 - the allocator tells nobody
        await asyncio.sleep(POLL)
    return perf_counter() - begun


async def measure(run: Run) -> Sequence[Answer]:
    """Let each lose its session in an interpreter of its own."""
    entries, rounds = run.pick(1_000_000, 20_000), run.pick(3, 1)
    advance = run.begin(f"evicting a session of {entries:,} entries", rounds * len(LARGE))
    losses: dict[str, list[Loss]] = {name: [] for name in LARGE}
    for _ in range(rounds):
        for name, found in losses.items():
            found.append(Loss(**await isolated(lost, name=name, entries=entries)))
            advance(1)
    return _answers({name: _median(found) for name, found in losses.items()})


def _median(found: Sequence[Loss]) -> Loss:
    return Loss(**{each.name: median(getattr(loss, each.name) for loss in found) for each in fields(Loss)})


def _answers(losses: Mapping[str, Loss]) -> list[Answer]:
    def answer(part: str, unit: str, goal: Goal, figures: dict[str, float]) -> Answer:
        return Answer(part, figures.pop(OWN), unit, goal, figures)

    here = {name: losses[name] for name in IN_THIS_PROCESS}
    return [
        answer("the eviction itself", "ms", at_most(1), {name: loss.eviction * 1000 for name, loss in losses.items()}),
        answer(
            "the longest stall until all is gone", "ms", at_most(5), {name: loss.stall * 1000 for name, loss in losses.items()}
        ),
        answer("until all is back with the allocator", "s", at_most(5), {name: loss.returned for name, loss in here.items()}),
        answer("what the process keeps then", "%", at_most(10), {name: loss.left * 100 for name, loss in here.items()}),
    ]


QUESTION = Question("evict-million", "Evict one session of a million entries", measure, limits=(DICTIONARY,))
