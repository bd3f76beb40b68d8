"""The time to get a thousand values of 1 KiB at once that were asked for before."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from bench.measure import interleaved, timed
from bench.question import OURS, Answer, Question, Run, at_least, at_most, must
from bench.questions.many_peers import KEYS, SHARED, VALUE, GetMany, peers
from bench.questions.own_cache import cache_over, redis, sqlite
from connector.cache import Cache
from tests.servers import redis_server

SQLITE, REDIS = f"{OURS}, memory before SQLite", f"{OURS}, memory before Redis"
A_KEY, FASTER = 2, 5
"""The goals: microseconds, and how many times faster than the fastest peer that several processes share."""


@asynccontextmanager
async def _field(run: Run) -> AsyncIterator[dict[str, GetMany]]:
    async with AsyncExitStack() as stack:
        port = stack.enter_context(redis_server()).port
        before_sqlite = await stack.enter_async_context(cache_over(sqlite(run.folder)))
        before_redis = await stack.enter_async_context(cache_over(redis(port)))
        beside = await stack.enter_async_context(peers(port))
        yield {SQLITE: await _hot(before_sqlite), REDIS: await _hot(before_redis), **beside}


async def _hot(cache: Cache) -> GetMany:
    held = dict.fromkeys(KEYS, VALUE)
    must(await cache.set_many(held), "the values are stored")
    must(await cache.get_many(KEYS, bytes) == held, "the values are got")
    return partial(cache.get_many, KEYS, bytes)


async def measure(run: Run) -> Sequence[Answer]:
    """Ask all for the values that each of them holds, over and over."""

    async def microseconds(get_many: GetMany) -> float:
        return await timed(get_many()) / len(KEYS) * 1e6

    async with _field(run) as field:
        rounds = run.pick(40, 3)
        advance = run.begin(f"getting {len(KEYS):,} hot values", rounds * len(field))
        return _answers(await interleaved({name: partial(microseconds, get) for name, get in field.items()}, rounds, advance))


def _answers(found: Mapping[str, float]) -> list[Answer]:
    beside = {name: figure for name, figure in found.items() if name not in (SQLITE, REDIS)}
    shared = [found[name] for name in SHARED]
    return [
        Answer("memory before SQLite", found[SQLITE], "us a key", at_most(A_KEY), beside),
        Answer("memory before Redis", found[REDIS], "us a key", at_most(A_KEY), beside),
        Answer("memory before SQLite, faster than a peer that is shared", min(shared) / found[SQLITE], "times", at_least(FASTER)),
        Answer("memory before Redis, faster than a peer that is shared", min(shared) / found[REDIS], "times", at_least(FASTER)),
    ]


QUESTION = Question("get-many", "Get a thousand hot values of 1 KiB at once", measure)
