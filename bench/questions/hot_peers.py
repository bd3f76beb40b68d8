"""What a user would pick instead to keep a hot value, and a bare client of Redis."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from aiocache import RedisCache, SimpleMemoryCache
from aiocache.serializers import NullSerializer
from cashews import Cache
from litestar.stores.memory import MemoryStore
from litestar.stores.redis import RedisStore
from redis.asyncio import Redis

from bench.question import must
from bench.stores.store import LIFE

Get = Callable[[], Awaitable[Any]]
VALUE = bytes(range(256)) * 4
KEY = "hot"
UNLIMITED = "aiocache memory, its time limit lifted"


class BareGet:
    """One `GET`, by redis-py's client as it comes."""

    name = "one bare GET"

    def __init__(self, port: int) -> None:
        self._client = Redis(port=port)
        self.get: Get = partial(self._client.get, f"bare {KEY}")

    async def open(self) -> None:
        """Store the value."""
        await self._client.set(f"bare {KEY}", VALUE)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def requests_of(self, work: Get) -> int:
        """Return how often the server was sent something meanwhile, by whomever."""
        before = await self._requests()
        await work()
        return await self._requests() - before - 1

    async def _requests(self) -> int:
        count: int = (await self._client.info("stats"))["total_reads_processed"]
        return count


@asynccontextmanager
async def bare_get(port: int) -> AsyncIterator[BareGet]:
    """Open the bare client."""
    bare = BareGet(port)
    try:
        await bare.open()
        must(await bare.get() == VALUE, "the bare client gets the value")
        yield bare
    finally:
        await bare.aclose()


@asynccontextmanager
async def in_memory() -> AsyncIterator[Mapping[str, Get]]:
    """Give those that keep it in this process, as they come: aiocache with a time limit, as this project's reads have one."""
    aiocache, unlimited, cashews, litestar = SimpleMemoryCache(), SimpleMemoryCache(timeout=None), Cache(), MemoryStore()
    cashews.setup("mem://", check_interval=0)
    try:
        await aiocache.set(KEY, VALUE, ttl=LIFE)
        await unlimited.set(KEY, VALUE, ttl=LIFE)
        await cashews.set(KEY, VALUE, expire=LIFE)
        await litestar.set(KEY, VALUE, expires_in=LIFE)
        yield await _holding(
            {
                "aiocache memory": partial(aiocache.get, KEY),
                UNLIMITED: partial(unlimited.get, KEY),
                "cashews memory": partial(cashews.get, KEY),
                "litestar memory": partial(litestar.get, KEY),
            }
        )
    finally:
        await cashews.close()


@asynccontextmanager
async def in_redis(port: int) -> AsyncIterator[Mapping[str, Get]]:
    """Give those that ask a server for it, as they come."""
    aiocache = RedisCache(endpoint="127.0.0.1", port=port, serializer=NullSerializer(encoding=None))
    client = Redis(port=port)
    litestar = RedisStore(client)
    try:
        await aiocache.set(KEY, VALUE, ttl=LIFE)
        await litestar.set(KEY, VALUE, expires_in=LIFE)
        yield await _holding({"aiocache Redis": partial(aiocache.get, KEY), "litestar Redis": partial(litestar.get, KEY)})
    finally:
        await client.aclose()
        await aiocache.client.aclose()


async def _holding(peers: Mapping[str, Get]) -> Mapping[str, Get]:
    for name, get in peers.items():
        must(await get() == VALUE, f"{name} gets the value")
    return peers
