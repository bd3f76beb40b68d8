"""What a user would pick instead, in this process or on this disk."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import diskcache
from aiocache import SimpleMemoryCache
from cashews import Cache
from fastapi_cache.backends.inmemory import InMemoryBackend
from litestar.stores.memory import MemoryStore

from bench.stores.store import LIFE, Place, Store
from drivers import SessionScope


def prefix(session: SessionScope) -> str:
    """Return the prefix of a session's keys, for caches that know no sessions."""
    return f"{session.system_id}:{session.session_id}:"


class NestedDict(Store):
    """Dictionaries in a dictionary: the best that memory can do, without any promises."""

    name = "dict of dicts, pop"

    def __init__(self) -> None:
        self._systems: dict[str | None, dict[str, dict[str, bytes]]] = defaultdict(dict)

    async def fill(self, session: SessionScope, entries: Mapping[str, bytes]) -> None:
        self._systems[session.system_id][session.session_id] = {
            key: bytes(bytearray(value))
            for key, value in entries.items()  # one of its own, which has to be freed
        }

    async def read(self, session: SessionScope, key: str) -> bytes | None:
        return self._systems.get(session.system_id, {}).get(session.session_id, {}).get(key)

    async def evict(self, session: SessionScope) -> None:
        self._systems[session.system_id].pop(session.session_id)

    async def evict_system(self, system: str) -> None:
        self._systems.pop(system)


class AiocacheMemory(Store):
    """aiocache's cache in memory; `clear(namespace)` takes along all keys with that beginning."""

    name = "aiocache memory, clear(namespace)"

    def __init__(self) -> None:
        self._cache = SimpleMemoryCache(timeout=None)

    async def fill(self, session: SessionScope, entries: Mapping[str, bytes]) -> None:
        await self._cache.multi_set([*entries.items()], ttl=LIFE, namespace=prefix(session))

    async def read(self, session: SessionScope, key: str) -> bytes | None:
        value: bytes | None = await self._cache.get(key, namespace=prefix(session))
        return value

    async def evict(self, session: SessionScope) -> None:
        await self._cache.clear(namespace=prefix(session))

    async def evict_system(self, system: str) -> None:
        await self._cache.clear(namespace=f"{system}:")


class CashewsStore(Store):
    """cashews in memory, or in Redis if there is an address."""

    way: ClassVar[str]

    def __init__(self, address: str | None = None) -> None:
        self.place = Place.REDIS if address else Place.MEMORY
        self.name = f"cashews {self.place}, {self.way}"
        self._cache = Cache()
        if address:
            self._cache.setup(address, socket_timeout=600)
        else:
            # Its search for expired entries goes through all keys each second, without a pause: too much beside others.
            self._cache.setup("mem://", size=10**8, check_interval=0)

    async def open(self) -> None:
        await self._cache.init()

    async def aclose(self) -> None:
        await self._cache.close()

    async def fill(self, session: SessionScope, entries: Mapping[str, bytes]) -> None:
        await self._cache.set_many({prefix(session) + key: value for key, value in entries.items()}, expire=LIFE)

    async def read(self, session: SessionScope, key: str) -> bytes | None:
        value: bytes | None = await self._cache.get(prefix(session) + key)
        return value


class CashewsByMatch(CashewsStore):
    """Deletes the keys that match a pattern."""

    way = "by match"

    async def evict(self, session: SessionScope) -> None:
        await self._cache.delete_match(f"{prefix(session)}*")

    async def evict_system(self, system: str) -> None:
        await self._cache.delete_match(f"{system}:*")


class CashewsByTag(CashewsStore):
    """Keys are noted under a tag: their session's or, to lose systems, theirs. A tag is copied whole with each note."""

    way = "by tag"

    def __init__(self, address: str | None = None, *, tag_systems: bool = False) -> None:
        super().__init__(address)
        self._tag_systems = tag_systems

    async def fill(self, session: SessionScope, entries: Mapping[str, bytes]) -> None:
        await super().fill(session, entries)
        keys = [prefix(session) + key for key in entries]
        tag = session.system_id if self._tag_systems else session.session_id
        await self._cache.set_add(f"_tag:{tag}", *keys, expire=LIFE)  # as `set(tags=)` does, for many keys at once

    async def evict(self, session: SessionScope) -> None:
        await self._cache.delete_tags(session.session_id)

    async def evict_system(self, system: str) -> None:
        await self._cache.delete_tags(system)


class LitestarMemory(Store):
    """litestar's store in memory, one for each session, because it has no namespaces there."""

    name = "litestar memory, a store for each session"

    def __init__(self) -> None:
        self._systems: dict[str | None, dict[str, MemoryStore]] = defaultdict(lambda: defaultdict(MemoryStore))

    async def fill(self, session: SessionScope, entries: Mapping[str, bytes]) -> None:
        store = self._systems[session.system_id][session.session_id]
        for key, value in entries.items():
            await store.set(key, value, expires_in=LIFE)

    async def read(self, session: SessionScope, key: str) -> bytes | None:
        return await self._systems[session.system_id][session.session_id].get(key)

    async def evict(self, session: SessionScope) -> None:
        await self._systems[session.system_id][session.session_id].delete_all()

    async def evict_system(self, system: str) -> None:
        for store in self._systems[system].values():
            await store.delete_all()


class FastapiCacheMemory(Store):
    """fastapi-cache2 in memory; all of its instances share what they hold."""

    name = "fastapi-cache2 memory, clear(namespace)"

    def __init__(self) -> None:
        self._backend = InMemoryBackend()

    async def aclose(self) -> None:
        self._backend._store.clear()  # noqa: SLF001 - it has no verb for it, and outlives the instance

    async def fill(self, session: SessionScope, entries: Mapping[str, bytes]) -> None:
        for key, value in entries.items():
            await self._backend.set(prefix(session) + key, value, expire=LIFE)

    async def read(self, session: SessionScope, key: str) -> bytes | None:
        return await self._backend.get(prefix(session) + key)

    async def evict(self, session: SessionScope) -> None:
        await self._backend.clear(namespace=prefix(session))

    async def evict_system(self, system: str) -> None:
        await self._backend.clear(namespace=f"{system}:")


class Diskcache(Store):
    """diskcache, which is SQLite underneath, in a thread. An entry has one tag: its session's or, to lose systems, theirs."""

    name = "diskcache, by tag"
    place = Place.SQLITE

    def __init__(self, folder: Path, *, tag_systems: bool = False) -> None:
        self._tag_systems = tag_systems
        self._cache = diskcache.Cache(str(folder / "diskcache"), tag_index=True, eviction_policy="none", size_limit=2**40)

    async def aclose(self) -> None:
        await asyncio.to_thread(self._cache.close)

    async def fill(self, session: SessionScope, entries: Mapping[str, bytes]) -> None:
        tag = session.system_id if self._tag_systems else session.session_id
        with self._cache.transact():
            for key, value in entries.items():
                self._cache.set(prefix(session) + key, value, expire=LIFE, tag=tag)

    async def read(self, session: SessionScope, key: str) -> bytes | None:
        value: bytes | None = await asyncio.to_thread(self._cache.get, prefix(session) + key)
        return value

    async def evict(self, session: SessionScope) -> None:
        await asyncio.to_thread(self._cache.evict, session.session_id)

    async def evict_system(self, system: str) -> None:
        await asyncio.to_thread(self._cache.evict, system)
