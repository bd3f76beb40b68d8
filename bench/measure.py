"""How everything is measured: interleaved, as medians, and in interpreters of its own."""

import asyncio
import gc
import json
import logging
import math
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from random import Random
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

from bench.question import Advance, must
from connector.runtime.event_loop import loop_factory

T = TypeVar("T")
Sample = Callable[[], Awaitable[float]]
"""Runs a contender once, and returns the time or the amount."""
TICK = 0.0005
"""Seconds between two checks that the event loop still turns."""
FEWEST = 5
"""Samples that everybody has, however long they take."""
BURST, BURST_SECONDS = 10, 0.05
"""Samples of one contender in a row at most, and how long that may take before the next one's turn comes."""


async def interleaved(
    contenders: Mapping[str, Sample],
    rounds: int,
    advance: Advance,
    *,
    burst: int = BURST,
    enough: float = math.inf,
    order: Random | None = None,
) -> dict[str, float]:
    """Return the median of each contender. All have a turn in each round; what is quick takes up to `burst` samples in its own.

    A contender has no further turn after `FEWEST` samples that took `enough` seconds together. With `order`, who comes after whom
    is drawn anew for each round. A single sample is quicker after a contender that runs the same code.

    What lives already is left out of garbage collection meanwhile: its passes would cost each contender what all others hold.
    """
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    turns = [*contenders.items()]
    gc.collect()
    gc.freeze()
    try:
        for _ in range(rounds):
            if order is not None:
                order.shuffle(turns)
            for name, sample in turns:
                if len(samples[name]) < FEWEST or sum(samples[name]) < enough:
                    samples[name] += await _burst(sample, burst)
                advance(1)
    finally:
        gc.unfreeze()
    return {name: median(found) for name, found in samples.items()}


async def _burst(sample: Sample, most: int) -> list[float]:
    found: list[float] = []
    begun = perf_counter()
    while not found or (len(found) < most and perf_counter() - begun < BURST_SECONDS):
        found.append(await sample())
    return found


async def timed(work: Awaitable[object]) -> float:
    """Return the seconds that it takes."""
    begun = perf_counter()
    await work
    return perf_counter() - begun


class Stalls:
    """The longest time for which the event loop did not turn, in seconds, while `watching`."""

    def __init__(self) -> None:
        self.longest = 0.0

    @asynccontextmanager
    async def watching(self) -> AsyncIterator["Stalls"]:
        """Look at the loop as often as it turns, nearly."""
        task = asyncio.create_task(self._tick())
        try:
            await asyncio.sleep(10 * TICK)
            yield self
            await asyncio.sleep(10 * TICK)
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _tick(self) -> None:
        while True:
            begun = perf_counter()
            await asyncio.sleep(TICK)
            self.longest = max(self.longest, perf_counter() - begun - TICK)


async def isolated(function: Callable[..., Awaitable[Any]], **arguments: Any) -> Any:
    """Call a module's function in an interpreter of its own. What goes in and comes out is JSON."""
    command = (sys.executable, "-m", "bench.measure", function.__module__, function.__qualname__, json.dumps(arguments))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    must(process.returncode == 0, f"{function.__qualname__}({arguments}) ends with 0")
    return json.loads(output)


def run_on_the_servers_loop(work: Coroutine[None, None, T]) -> T:
    """Run it on the event loop that the server runs on."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)


def _main(module: str, function: str, arguments: str) -> None:
    work = getattr(import_module(module), function)
    log_warnings_only()
    found = run_on_the_servers_loop(work(**json.loads(arguments)))
    sys.stdout.write(json.dumps(found))


def log_warnings_only() -> None:
    """Keep the log out of the result. A process that has no structlog goes on without: its memory may be what is measured."""
    if structlog := sys.modules.get("structlog"):
        level = structlog.make_filtering_bound_logger(logging.WARNING)
        structlog.configure(wrapper_class=level, logger_factory=structlog.PrintLoggerFactory(sys.stderr))


if __name__ == "__main__":
    _main(*sys.argv[1:])
