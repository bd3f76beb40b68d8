"""The time of a cleanup, compared with its slowest part, a logout, with many at once."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import aiohttp

from bench.http import own, slow
from bench.http.cores import ASKING, SERVING, stay_on
from bench.http.load import PATIENCE, Load, ask, new_sessions
from bench.http.servers import Server, served
from bench.http.talks import HOST
from bench.measure import isolated
from bench.question import OURS, Answer, Question, Run, at_most, must
from connector.runtime.open_files import allow_as_many_as_possible

CONFIG = """
[storage]
drivers = ["memory", "slow", "sqlite"]
[storage.slow]
driver = "bench.http.slow.SlowDriver"
seconds = {eviction}
[storage.deadlines]
evict = 60
[end_system]
profile = "{profile}"
base_url = "{site}"
[end_system.deadlines]
connect = 60
read = 60
total = 60
"""
EVICTION = 0.75
"""What an eviction from the slow driver takes, of what the logout takes: a part that nobody would like to wait for besides."""
MOST = 1.1
IN_SEQUENCE, ALONE = "one part after the other", "the logout alone, by aiohttp's client"
DISKLESS = f"{OURS}, its files in memory"
"""What shows how much of it is the disk, which takes its time over a flush now and then."""
MEMORY = "/dev/shm" if sys.platform == "linux" else None  # noqa: S108 - `tempfile` makes a folder in it
"""A folder in memory; on systems other than Linux, the system's choice."""


@dataclass(frozen=True, slots=True)
class Rush:
    """So many sessions at once whose end system takes so long."""

    at_once: int
    seconds: float
    waves: int
    """How many cleanups each caller asks for, one after the other, while as many are under way."""
    repeats: int
    """How often that is done; and all callers ask once, all at the same instant, after each."""

    def __str__(self) -> str:
        return f"{self.at_once:,} logouts of {self.seconds:g} s"


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds."""

    p50: float
    p99: float
    in_sequence: float
    """What all parts of one cleanup took together."""


async def cleaned(port: int, at_once: int, cleanups: int, spread: float) -> dict[str, float]:
    """Return a `Taken`, as a dictionary. Every logout has to be done when its cleanup is answered."""
    async with asyncio.timeout(PATIENCE + cleanups):
        answers = await ask(port, at_once, islice(new_sessions(), cleanups), spread=spread, keep_bodies=True)
    reports = [json.loads(body) for body in answers.bodies]
    must({report["logout"]["outcome"] for report in reports} == {"acknowledged"}, "every session is logged out")
    found = Load.of(answers.latencies, answers.seconds)
    return asdict(Taken(found.p50, found.p99, median(map(_sum_of_parts, reports)) / 1000))


def _sum_of_parts(report: Any) -> float:
    return float(sum(part["milliseconds"] for part in (report["logout"], *report["eviction"].values())))


async def logged_out(url: str, at_once: int) -> float:
    """Log out as often, all at the same instant, with aiohttp's client alone, on the server's core; returns p99 in seconds."""
    stay_on(SERVING)
    allow_as_many_as_possible()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as http:

        async def logout() -> float:
            begun = perf_counter()
            async with http.post(url, timeout=aiohttp.ClientTimeout(PATIENCE)) as answer:
                must(answer.ok, "the end system logs out")
            return perf_counter() - begun

        return Load.of(await asyncio.gather(*(logout() for _ in range(at_once))), 0.0).p99


async def measure(run: Run) -> Sequence[Answer]:
    """Keep so many cleanups under way all the time, and then begin as many at the same instant."""
    few = run.pick(Rush(64, 0.2, waves=30, repeats=9), Rush(8, 0.05, waves=2, repeats=1))
    many = run.pick(Rush(1_000, 5.0, waves=4, repeats=3), Rush(50, 0.2, waves=2, repeats=1))
    return [answer for rush in (few, many) for answer in await _answers(run, rush)]


@dataclass(slots=True)
class _Found:
    """Of each repeat."""

    steady: list[Taken] = field(default_factory=list)
    without_disk: list[Taken] = field(default_factory=list)
    bursts: list[Taken] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    """The 99th percentile in seconds."""


async def _answers(run: Run, rush: Rush) -> list[Answer]:
    advance, found = run.begin(str(rush), rush.repeats), _Found()
    with ExitStack() as stack:
        end_system = stack.enter_context(served(slow.end_system, run.folder_of_its_own(), cores=[ASKING]))
        site = f"http://{HOST}:{end_system.port}/{rush.seconds}"
        config = CONFIG.format(eviction=EVICTION * rush.seconds, profile=slow.PROFILE, site=site)
        server = stack.enter_context(served(own.command, run.folder_of_its_own(), config=config))
        folder = Path(stack.enter_context(TemporaryDirectory(dir=MEMORY)))
        diskless = stack.enter_context(served(own.command, folder, config=config))
        for _ in range(rush.repeats):
            found.steady.append(await _cleaned(server, rush, rush.waves, spread=rush.seconds))
            found.without_disk.append(await _cleaned(diskless, rush, rush.waves, spread=rush.seconds))
            found.bursts.append(await _cleaned(server, rush, 1, spread=0.0))
            found.alone.append(await isolated(logged_out, url=f"{site}/logout", at_once=rush.at_once))
            advance(1)
    in_sequence, half, most = {IN_SEQUENCE: _median("in_sequence", found.steady)}, "p50", "p99"
    beside = {which: {DISKLESS: _median(which, found.without_disk)} | in_sequence for which in (half, most)}
    return [
        _answer(rush, "under way, half of them", _median(half, found.steady), beside[half]),
        _answer(rush, "under way, 99 of 100", _median(most, found.steady), beside[most]),
        _answer(
            rush, "beginning at one instant, 99 of 100", _median(most, found.bursts), {ALONE: median(found.alone)} | in_sequence
        ),
    ]


def _median(figure: str, all_taken: Sequence[Taken]) -> float:
    seconds: list[float] = [getattr(taken, figure) for taken in all_taken]
    return median(seconds)


async def _cleaned(server: Server, rush: Rush, waves: int, *, spread: float) -> Taken:
    cleanups = rush.at_once * waves
    found = await isolated(cleaned, port=server.port, at_once=rush.at_once, cleanups=cleanups, spread=spread)
    return Taken(**found)


def _answer(rush: Rush, which: str, seconds: float, beside: Mapping[str, float]) -> Answer:
    peers = {name: taken / rush.seconds for name, taken in beside.items()}
    return Answer(f"{rush}, {which}", seconds / rush.seconds, "times the logout", at_most(MOST), peers)


QUESTION = Question("cleanup-parts", "A cleanup against its slowest part", measure, limits=(ALONE,))
