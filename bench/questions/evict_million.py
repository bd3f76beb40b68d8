"""What happens when one session of a million entries is evicted: how long it takes, and for how long nothing else can run."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter

from bench.measure import Stalls, isolated, timed
from bench.process import resident_bytes
from bench.question import Answer, Question, Run, at_most, must
from bench.questions.large_session import LARGE, OWN, LargeSession

IN_THIS_PROCESS = (OWN, "dict, pop", "aiocache memory, clear(namespace)")
"""Whose bytes come back to this process, if they come."""
WITHIN = 10.0
"""Seconds that are waited for everything to be gone."""
LEFT, AT_LEAST = 0.05, 8_000_000
"""The part of the memory, and its bytes, that may stay with the process: one object that lives keeps a megabyte of others'."""
POLL = 0.01


@dataclass(frozen=True, slots=True)
class Loss:
    """What an eviction came to, in seconds."""

    eviction: float
    stall: float
    """The longest, until all was gone."""
    returned: float
    """Until the memory that it had taken was given back; `WITHIN` if it was not."""


async def lost(name: str, entries: int) -> dict[str, float]:
    """Fill this process, evict, and look on until all is gone: a `Loss`, as a dictionary."""
    before = resident_bytes()
    async with LARGE[name](entries) as session:
        gc.collect()
        small_enough = before + max(AT_LEAST, LEFT * (resident_bytes() - before))
        async with Stalls().watching() as stalls:
            eviction = await timed(session.evict())
            returned = await _seconds_until(lambda: _is_over(session, small_enough))
        must(await session.gone(), f"{name} has lost everything")
    return asdict(Loss(eviction, stalls.longest, returned))


async def _is_over(session: LargeSession, small_enough: float) -> bool:
    return await session.gone() and resident_bytes() <= small_enough


async def _seconds_until(is_over: Callable[[], Awaitable[bool]]) -> float:
    begun = perf_counter()
    while not await is_over() and perf_counter() - begun < WITHIN:  # noqa: ASYNC110 - the operating system tells nobody
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
    return Loss(**{each: median(getattr(loss, each) for loss in found) for each in ("eviction", "stall", "returned")})


def _answers(losses: Mapping[str, Loss]) -> list[Answer]:
    evictions = {name: loss.eviction * 1000 for name, loss in losses.items()}
    stalls = {name: loss.stall * 1000 for name, loss in losses.items()}
    returned = {name: losses[name].returned for name in IN_THIS_PROCESS}
    return [
        Answer("the eviction itself", evictions.pop(OWN), "ms", at_most(1), evictions),
        Answer("the longest stall of the event loop until all is gone", stalls.pop(OWN), "ms", at_most(5), stalls),
        Answer("until the memory is given back", returned.pop(OWN), "s", at_most(5), returned),
    ]


QUESTION = Question("evict-million", "Evict one session of a million entries", measure)
