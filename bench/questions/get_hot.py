"""The time to get a value of 1 KiB that was asked for before."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import msgspec

from bench.measure import Sample, interleaved
from bench.question import OURS, Answer, Question, Run, at_least, at_most, must
from bench.questions import hot_peers
from bench.questions.own_cache import cache_over, redis, sqlite
from bench.stores.store import Place
from connector.cache import Cache
from tests.servers import redis_server

MEMORY, DECODED = f"{OURS}, memory alone", f"{OURS}, memory alone, a list of ten objects of that size"
SQLITE, REDIS = f"{OURS}, memory before SQLite", f"{OURS}, memory before Redis"
AT_A_TIME = 200
"""Gets in one sample."""
TIMES_AS_FAST, MICROSECONDS, ROUND_TRIPS = 5, 12, 1.25
"""The goals: against the fastest peer, before SQLite, and in round trips of the bare client before Redis."""


class Project(msgspec.Struct):
    """What an author may cache a list of."""

    number: int
    name: str
    description: str


PROJECTS = [Project(number, f"project {number}", "what it is about " * 5) for number in range(10)]


@dataclass(frozen=True, slots=True)
class Field:
    """All caches that are asked for a hot value."""

    own: Mapping[str, hot_peers.Get]
    peers: Mapping[Place, Mapping[str, hot_peers.Get]]
    bare: hot_peers.BareGet

    def samples(self) -> dict[str, Sample]:
        """Return the function that measures each."""
        getters = {**self.own, self.bare.name: self.bare.get}
        for peers in self.peers.values():
            getters |= peers
        return {name: partial(_seconds_each, get) for name, get in getters.items()}


@asynccontextmanager
async def _field(run: Run) -> AsyncIterator[Field]:
    async with AsyncExitStack() as stack:
        port = stack.enter_context(redis_server()).port
        memory = await stack.enter_async_context(cache_over())
        before_sqlite = await stack.enter_async_context(cache_over(sqlite(run.folder)))
        before_redis = await stack.enter_async_context(cache_over(redis(port)))
        own = {MEMORY: await _hot(memory), SQLITE: await _hot(before_sqlite), REDIS: await _hot(before_redis)}
        peers = {
            Place.MEMORY: await stack.enter_async_context(hot_peers.in_memory()),
            Place.REDIS: await stack.enter_async_context(hot_peers.in_redis(port)),
        }
        bare = await stack.enter_async_context(hot_peers.bare_get(port))
        yield Field({**own, DECODED: await _hot_objects(memory)}, peers, bare)


async def _hot(cache: Cache) -> hot_peers.Get:
    must(await cache.set("hot", hot_peers.VALUE), "the value is stored")
    must(await cache.get("hot", bytes) == hot_peers.VALUE, "the value is got")
    return partial(cache.get, "hot", bytes)


async def _hot_objects(cache: Cache) -> hot_peers.Get:
    must(await cache.set("objects", PROJECTS), "the objects are stored")
    must(await cache.get("objects", list[Project]) == PROJECTS, "the objects are got")
    return partial(cache.get, "objects", list[Project])


async def _seconds_each(get: hot_peers.Get) -> float:
    begun = perf_counter()
    for _ in range(AT_A_TIME):
        await get()
    return (perf_counter() - begun) / AT_A_TIME


async def measure(run: Run) -> Sequence[Answer]:
    """Ask all for the value that each of them holds, over and over."""
    async with _field(run) as field:
        asked = await field.bare.requests_of(partial(_seconds_each, field.own[REDIS])) / AT_A_TIME
        samples, rounds = field.samples(), run.pick(40, 3)
        seconds = await interleaved(samples, rounds, run.begin("getting a hot value", rounds * len(samples)))
    return _answers(field, seconds, asked)


def _answers(field: Field, seconds: Mapping[str, float], asked: float) -> list[Answer]:
    peers = {name: seconds[name] for name in field.peers[Place.MEMORY]}
    as_they_come = {name: figure for name, figure in peers.items() if name != hot_peers.UNLIMITED}
    fastest, trip = min(as_they_come.values()), seconds[field.bare.name]
    speeds = {name: fastest / figure for name, figure in as_they_come.items()}
    near = {name: figure * 1e6 for name, figure in {**peers, MEMORY: seconds[MEMORY], DECODED: seconds[DECODED]}.items()}
    far = {name: seconds[name] / trip for name in field.peers[Place.REDIS]}
    return [
        Answer("memory alone, as fast as the fastest peer", fastest / seconds[MEMORY], "times", at_least(TIMES_AS_FAST), speeds),
        Answer("memory before SQLite", seconds[SQLITE] * 1e6, "us", at_most(MICROSECONDS), near),
        Answer("memory before Redis, as the server counts them", asked, "requests", at_most(1)),
        Answer("memory before Redis", seconds[REDIS] / trip, "bare round trips", at_most(ROUND_TRIPS), far),
    ]


QUESTION = Question("get-hot", "Get a hot value of 1 KiB", measure)
