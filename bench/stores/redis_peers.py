"""What a user would pick instead, in Redis. Each has a database of its own, because some look at all of its keys."""

from collections.abc import Mapping

from aiocache import RedisCache
from aiocache.serializers import NullSerializer
from fastapi_cache.backends.redis import RedisBackend
from litestar.stores.redis import RedisStore
from redis.asyncio import Redis

from bench.stores.local_peers import prefix
from bench.stores.store import LIFE, Place, Store
from drivers import SessionScope


class AiocacheRedis(Store):
    """aiocache in Redis; its time limit is lifted."""

    name = "aiocache Redis, clear(namespace)"
    place = Place.REDIS

    def __init__(self, port: int, database: int) -> None:
        self._cache = RedisCache(
            endpoint="127.0.0.1", port=port, db=database, timeout=None, serializer=NullSerializer(encoding=None)
        )

    async def aclose(self) -> None:
        await self._cache.client.aclose()

    async def fill(self, session: SessionScope, entries: Mapping[str, bytes]) -> None:
        await self._cache.multi_set([*entries.items()], ttl=LIFE, namespace=_namespace(session))

    async def read(self, session: SessionScope, key: str) -> bytes | None:
        value: bytes | None = await self._cache.get(key, namespace=_namespace(session))
        return value

    async def evict(self, session: SessionScope) -> None:
        await self._cache.clear(namespace=_namespace(session))

    async def evict_system(self, system: str) -> None:
        await self._cache.clear(namespace=system)


class OnRedis(Store):
    """One that sets plain keys, which many commands in one round trip do for it."""

    def __init__(self, port: int, database: int) -> None:
        self._client = Redis(port=port, db=database)

    async def aclose(self) -> None:
        await self._client.aclose()

    async def fill(self, session: SessionScope, entries: Mapping[str, bytes]) -> None:
        async with self._client.pipeline(transaction=False) as pipe:
            for key, value in entries.items():
                pipe.set(self._key(session, key), value, ex=LIFE)
            await pipe.execute()

    def _key(self, session: SessionScope, key: str) -> str:
        return prefix(session) + key


class LitestarRedis(OnRedis):
    """litestar's store in Redis, with a namespace for each system and session."""

    name = "litestar Redis, namespace"
    place = Place.REDIS

    def __init__(self, port: int, database: int) -> None:
        super().__init__(port, database)
        self._root = RedisStore(self._client)

    async def read(self, session: SessionScope, key: str) -> bytes | None:
        return await self._store(session).get(key)

    async def evict(self, session: SessionScope) -> None:
        await self._store(session).delete_all()

    async def evict_system(self, system: str) -> None:
        await self._root.with_namespace(system).delete_all()

    def _store(self, session: SessionScope) -> RedisStore:
        return self._root.with_namespace(f"{session.system_id}").with_namespace(session.session_id)

    def _key(self, session: SessionScope, key: str) -> str:
        return f"{self._store(session).namespace}:{key}"


class FastapiCacheRedis(OnRedis):
    """fastapi-cache2 in Redis."""

    name = "fastapi-cache2 Redis, clear(namespace)"
    place = Place.REDIS

    def __init__(self, port: int, database: int) -> None:
        super().__init__(port, database)
        self._backend = RedisBackend(self._client)

    async def read(self, session: SessionScope, key: str) -> bytes | None:
        return await self._backend.get(prefix(session) + key)

    async def evict(self, session: SessionScope) -> None:
        await self._backend.clear(namespace=_namespace(session))

    async def evict_system(self, system: str) -> None:
        await self._backend.clear(namespace=system)


def _namespace(session: SessionScope) -> str:
    """Return the prefix of a session's keys without its colon, which these put there themselves."""
    return prefix(session).removesuffix(":")
