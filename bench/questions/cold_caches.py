"""Caches that many ask for a cold value at once."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aiocache import RedisCache, cached_stampede
from cashews import Cache

from bench.question import OURS
from bench.questions.own_cache import cache_over, redis, sqlite
from bench.stores.store import LIFE
from drivers import Driver

LOADING = 0.1
"""Seconds that a load takes."""


class Loader:
    """Loads a value slowly, and counts how often."""

    def __init__(self) -> None:
        self.loads = 0

    async def load(self, key: str) -> str:
        """Return what belongs to the key."""
        self.loads += 1
        await asyncio.sleep(LOADING)
        return f"the value of {key}"


@dataclass(frozen=True, slots=True)
class Where:
    """What the processes of one contender share."""

    port: int
    """Of a Redis server."""
    folder: Path


Ask = Callable[[str], Awaitable[Any]]
"""Returns the value of a key, loaded if it has to be."""
Cold = Callable[[Where, Loader], AbstractAsyncContextManager[Ask]]


@asynccontextmanager
async def _own(where: Where, loader: Loader, authority: Callable[[Where], list[Driver]]) -> AsyncIterator[Ask]:
    async with cache_over(*authority(where)) as cache:
        yield lambda key: cache.get_or_load(key, partial(loader.load, key), kind=str)


@asynccontextmanager
async def _aiocache_memory(_where: Where, loader: Loader) -> AsyncIterator[Ask]:
    yield cached_stampede(ttl=LIFE)(loader.load)


@asynccontextmanager
async def _aiocache_redis(where: Where, loader: Loader) -> AsyncIterator[Ask]:
    logging.getLogger("aiocache").setLevel(logging.CRITICAL)  # it tells of each reader for whom it has no connection
    ask = cached_stampede(ttl=LIFE, cache=RedisCache, endpoint="127.0.0.1", port=where.port, namespace="aiocache")(loader.load)
    yield ask
    await ask.cache.client.aclose()


@asynccontextmanager
async def _cashews(where: Where, loader: Loader, *, in_redis: bool, early: bool) -> AsyncIterator[Ask]:
    cache = Cache()
    cache.setup(f"redis://127.0.0.1:{where.port}/1" if in_redis else "mem://")
    decorate = cache.early if early else partial(cache, lock=True)
    yield decorate(ttl=LIFE, key="{key}")(loader.load)
    await cache.close()


OWN_MEMORY, OWN_SQLITE, OWN_REDIS = (f"{OURS}, {place}" for place in ("memory", "memory before SQLite", "memory before Redis"))
IN_MEMORY: Mapping[str, Cold] = {
    "aiocache cached_stampede, memory": _aiocache_memory,
    "cashews early, memory": partial(_cashews, in_redis=False, early=True),
    "cashews lock, memory": partial(_cashews, in_redis=False, early=False),
}
IN_REDIS: Mapping[str, Cold] = {
    "aiocache cached_stampede, Redis": _aiocache_redis,
    "cashews early, Redis": partial(_cashews, in_redis=True, early=True),
    "cashews lock, Redis": partial(_cashews, in_redis=True, early=False),
}
SHARED: Mapping[str, Cold] = {
    OWN_SQLITE: partial(_own, authority=lambda where: [sqlite(where.folder)]),
    OWN_REDIS: partial(_own, authority=lambda where: [redis(where.port)]),
    **IN_REDIS,
}
"""The caches that several processes share."""
ALL: Mapping[str, Cold] = {OWN_MEMORY: partial(_own, authority=lambda _: []), **IN_MEMORY, **SHARED}
