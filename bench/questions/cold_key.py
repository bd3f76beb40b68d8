"""What happens when a thousand readers want one value at once that nobody has loaded yet."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

from redis.exceptions import RedisError

from bench.measure import isolated
from bench.question import Answer, Question, Run, at_most, must
from bench.questions import cold_caches
from bench.questions.cold_caches import IN_MEMORY, IN_REDIS, OWN_MEMORY, OWN_REDIS, OWN_SQLITE, SHARED, Ask, Loader, Where
from tests.servers import redis_server

WARMING = 5
"""Readers of another key, before it counts: a server's connections are open then."""
TOGETHER_WITHIN = 120.0
POLL = 0.001
SLOWEST = 1_000
"""Milliseconds until all have the value: the default of `storage.deadlines.read`, beyond which the authority counts as away."""


@dataclass(frozen=True, slots=True)
class Rush:
    """The result when all readers asked at once."""

    loads: int
    milliseconds: float
    """Until the last of them had it."""
    failed: int


async def rush(name: str, *, port: int, folder: str, readers: int, number: int, processes: int) -> dict[str, float]:
    """Ask from this process, one of several that begin together; return a `Rush`, as a dictionary."""
    loader = Loader()
    async with cold_caches.ALL[name](Where(port, Path(folder)), loader) as ask:
        await _ask(ask, f"{folder} {number}", WARMING)
        await _together(Path(folder), number, processes)
        before, begun = loader.loads, perf_counter()
        failed = await _ask(ask, folder, readers)
        return asdict(Rush(loader.loads - before, (perf_counter() - begun) * 1000, failed))


async def _ask(ask: Ask, key: str, readers: int) -> int:
    """Return how many of the readers got an error; the others got the value."""
    failed = 0

    async def read() -> None:
        nonlocal failed
        try:
            must(await ask(key) == f"the value of {key}", "everybody gets the value")
        except (RedisError, TimeoutError):
            failed += 1

    async with asyncio.TaskGroup() as reading:
        for _ in range(readers):
            reading.create_task(read())
    return failed


async def _together(folder: Path, number: int, processes: int) -> None:
    """Wait until all processes have come here."""
    ready = [folder / f"{each}.ready" for each in range(processes)]
    ready[number].touch()
    async with asyncio.timeout(TOGETHER_WITHIN):
        while not all(file.exists() for file in ready):  # noqa: ASYNC110 - files tell nobody
            await asyncio.sleep(POLL)


async def measure(run: Run) -> Sequence[Answer]:
    """Rush at each contender in turn, in one process and in four, with a new key and folder each time."""
    readers, rounds = run.pick(1_000, 40), run.pick(3, 1)
    found: dict[int, dict[str, list[Rush]]] = {1: {name: [] for name in cold_caches.ALL}, 4: {name: [] for name in SHARED}}
    advance = run.begin(f"{readers:,} readers of a cold key", rounds * sum(map(len, found.values())))
    with redis_server() as server:
        for _ in range(rounds):
            for processes, rushes in found.items():
                for name, each in rushes.items():
                    each.append(await _rushed(run, name, server.port, readers, processes))
                    advance(1)
    return _answers({processes: {name: _worst(each) for name, each in rushes.items()} for processes, rushes in found.items()})


async def _rushed(run: Run, name: str, port: int, readers: int, processes: int) -> Rush:
    arguments = {"name": name, "port": port, "folder": str(run.folder_of_its_own()), "processes": processes}
    async with asyncio.TaskGroup() as running:
        parts = [
            running.create_task(isolated(rush, **arguments, readers=readers // processes, number=number))
            for number in range(processes)
        ]
    return _in_all([Rush(**part.result()) for part in parts])


def _in_all(rushes: Sequence[Rush]) -> Rush:
    """Return the result of several processes that were rushed at once."""
    loads, failed = sum(each.loads for each in rushes), sum(each.failed for each in rushes)
    return Rush(loads, max(each.milliseconds for each in rushes), failed)


def _worst(found: Sequence[Rush]) -> Rush:
    """Return the most loads and errors that there ever were, and the median of the time."""
    loads, failed = max(each.loads for each in found), max(each.failed for each in found)
    return Rush(loads, median(each.milliseconds for each in found), failed)


def _answers(found: Mapping[int, Mapping[str, Rush]]) -> list[Answer]:
    one, four = found[1], found[4]
    return [
        *_answers_of("one process, memory", one, OWN_MEMORY, IN_MEMORY, 1),
        *_answers_of("one process, memory before SQLite", one, OWN_SQLITE, IN_MEMORY, 1),
        *_answers_of("one process, memory before Redis", one, OWN_REDIS, IN_REDIS, 1),
        *_answers_of("four processes, memory before SQLite", four, OWN_SQLITE, IN_REDIS, 4),
        *_answers_of("four processes, memory before Redis", four, OWN_REDIS, IN_REDIS, 4),
        _failures(found.values()),
    ]


def _answers_of(part: str, found: Mapping[str, Rush], own: str, peers: Iterable[str], most: int) -> list[Answer]:
    loads = {name: float(found[name].loads) for name in (own, *peers)}
    times = {name: found[name].milliseconds for name in (own, *peers)}
    return [
        Answer(part, loads.pop(own), "loads", at_most(most), loads),
        Answer(f"{part}, until all have it", times.pop(own), "ms", at_most(SLOWEST), times),
    ]


def _failures(found: Collection[Mapping[str, Rush]]) -> Answer:
    most = {name: float(max(each[name].failed for each in found if name in each)) for name in cold_caches.ALL}
    ours = max(most.pop(name) for name in (OWN_MEMORY, OWN_SQLITE, OWN_REDIS))
    return Answer("readers who got an error, at most", ours, "readers", at_most(0), most)


QUESTION = Question("cold-key", "Load a cold value for a thousand readers at once", measure)
