"""What a user would pick instead to get many hot values at once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiocache import RedisCache, SimpleMemoryCache
from aiocache.serializers import NullSerializer
from redis.asyncio import Redis

from bench.question import must
from bench.stores.store import LIFE

KEYS = tuple(f"hot-{number}" for number in range(1_000))
VALUE = bytes(range(256)) * 4
GetMany = Callable[[], Awaitable[Any]]
AIOCACHE_MEMORY, AIOCACHE_REDIS, MGET = "aiocache memory, multi_get", "aiocache Redis, multi_get", "redis-py, MGET"
SHARED = (AIOCACHE_REDIS, MGET)
"""Those whose values other processes can evict."""


@asynccontextmanager
async def peers(port: int) -> AsyncIterator[Mapping[str, GetMany]]:
    """Give each of them, with its values in place; the port is that of a Redis server."""
    memory = SimpleMemoryCache()
    in_redis = RedisCache(endpoint="127.0.0.1", port=port, serializer=NullSerializer(encoding=None))
    client = Redis(port=port, db=1)
    getters: Mapping[str, GetMany] = {
        AIOCACHE_MEMORY: lambda: memory.multi_get(KEYS),
        AIOCACHE_REDIS: lambda: in_redis.multi_get(KEYS),
        MGET: lambda: client.mget(KEYS),
    }
    try:
        pairs = [(key, VALUE) for key in KEYS]
        await memory.multi_set(pairs, ttl=LIFE)
        await in_redis.multi_set(pairs, ttl=LIFE)
        await client.mset(dict(pairs))
        for name, get_many in getters.items():
            must(await _all(get_many), f"{name} gets all values")
        yield getters
    finally:
        await client.aclose()
        await in_redis.client.aclose()


async def _all(get_many: GetMany) -> bool:
    found: Sequence[bytes] = await get_many()
    return [*found] == [VALUE] * len(KEYS)
