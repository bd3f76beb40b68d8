"""Entries in memcached: flat keys that are named by the generations of their owners.

    add <namespace>:g:<owner> 0 2592000 16                         the generation of a session, a system or everything
    set <namespace>:e:<digest of generations and key> 0 <ttl> ...  packed entry
    add <namespace>:server 0 0 16                                  which server this is: random bytes, read by each new connection

memcached may drop anything. A dropped generation is made anew, and entries under the old one are unreachable. memcached cannot
list its entries either: evicted ones stay until they expire, or until it needs the room. A server whose token was dropped passes
for another one. That costs one invalidation of everything for each process that had read the former token.
"""

import math
from secrets import token_bytes, token_hex

import structlog
from aiocache import MemcachedCache
from aiomcache import ClientException

from drivers import generations
from drivers.aiocached.aiocache_settings import AiocacheSettings
from drivers.aiocached.layout import Layout, Owners, Packed
from drivers.aiocached.memcached_failures import FAILURES
from drivers.aiocached.memcached_pool import MemcachedPool
from drivers.contract import EVERYTHING, Stamp, Statistics
from drivers.driver_errors import DriverUnavailable
from drivers.keys import digest, scope_digest

log = structlog.get_logger(__name__)

PING_LIFE = 60
FOR_EVER = 0
"""A time to live, as memcached has it."""
MINT_ATTEMPTS = 10
"""Tries to make a generation. If it exists and is gone again so often in a row, the server keeps nothing."""
TOO_LARGE = "object too large"


class MemcachedLayout(Layout):
    """Each verb uses one connection, mostly for one or two round trips."""

    failures = FAILURES

    def __init__(self, settings: AiocacheSettings) -> None:
        self._namespace = settings.namespace
        self._pool = MemcachedPool(settings, self._server, self._invalidated)
        self._warned = False

    async def open(self) -> None:
        await self.ping()

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def ping(self) -> None:
        key, written = f"{self._namespace}:ping:{token_hex(8)}", token_bytes(8)

        async def write_and_read(cache: MemcachedCache) -> bool:
            await cache.set(key, written, ttl=PING_LIFE)
            return bool(await cache.get(key) == written)

        if not await self._pool.run(write_and_read):
            raise DriverUnavailable("does not keep what is written")

    async def stamp(self, owners: Owners) -> Stamp:
        return await self._pool.run(lambda cache: self._minted(cache, owners))

    async def get(self, owners: Owners, key: bytes) -> bytes | None:
        async def read(cache: MemcachedCache) -> bytes | None:
            stamp = await self._current(cache, owners)
            data: bytes | None = await cache.get(self._entry(stamp, key)) if stamp else None
            return data

        return await self._pool.run(read)

    async def put(self, owners: Owners, key: bytes, packed: Packed, stamp: Stamp | None) -> bool:
        async def write(cache: MemcachedCache) -> bool:
            # Two steps, because memcached cannot compare with another key. An eviction in between is safe: the write lands in
            # the old bucket.
            current = await (self._minted(cache, owners) if stamp is None else self._current(cache, owners))
            if current is None or stamp not in {None, current}:
                return False
            await self._store(cache, self._entry(current, key), packed)
            return True

        return await self._pool.run(write)

    async def delete(self, owners: Owners, key: bytes) -> None:
        async def remove(cache: MemcachedCache) -> None:
            stamp = await self._current(cache, owners)
            if stamp:
                await cache.delete(self._entry(stamp, key))

        await self._pool.eras.done_where_it_counts(lambda: self._pool.run(remove))

    async def forget(self, owners: Owners) -> None:
        async def remove(cache: MemcachedCache) -> None:
            for owner in owners:
                await cache.delete(self._owner(owner))

        await self._pool.eras.done_where_it_counts(lambda: self._pool.run(remove))

    async def purge(self, limit: int) -> bool:  # noqa: ARG002 - there is nothing that could be found and freed
        return False

    async def statistics(self) -> Statistics:
        return Statistics(entries=None, garbage=None)

    async def _current(self, cache: MemcachedCache, owners: Owners) -> Stamp | None:
        generations = await cache.multi_get([self._owner(owner) for owner in owners])
        return None if None in generations else Stamp(b"".join(generations))

    async def _minted(self, cache: MemcachedCache, owners: Owners) -> Stamp:
        return await self._current(cache, owners) or Stamp(b"".join([await self._generation(cache, owner) for owner in owners]))

    async def _generation(self, cache: MemcachedCache, owner: bytes) -> bytes:
        return await _found_or_added(cache, self._owner(owner), generations.LIFE)

    async def _server(self, cache: MemcachedCache) -> bytes:
        return await _found_or_added(cache, f"{self._namespace}:server", FOR_EVER)

    async def _invalidated(self, cache: MemcachedCache) -> None:
        await cache.delete(self._owner(scope_digest(EVERYTHING)))

    async def _store(self, cache: MemcachedCache, key: str, packed: Packed) -> None:
        # memcached counts whole seconds on a clock that ticks once a second. One more, or an entry might go too early.
        try:
            await cache.set(key, packed.data, ttl=math.ceil(packed.ttl) + 1)
        except ClientException as refused:
            # The old value is gone by then, so that a miss follows, and no error.
            if TOO_LARGE not in str(refused):
                raise
            self._warn_of_size(len(packed.data))

    def _warn_of_size(self, size: int) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                "memcached keeps no entries of this size, and each read of one is a miss; its option -I allows larger ones",
                bytes=size,
            )

    def _owner(self, owner: bytes) -> str:
        return f"{self._namespace}:g:{owner.hex()}"

    def _entry(self, stamp: Stamp, key: bytes) -> str:
        return f"{self._namespace}:e:{digest(stamp, key).hex()}"


async def _found_or_added(cache: MemcachedCache, key: str, ttl: int) -> bytes:
    """Return the random bytes under a key, which all callers share; the first one makes them."""
    for _ in range(MINT_ATTEMPTS):
        found: bytes | None = await cache.get(key)
        if found is not None:
            return found
        fresh = generations.new_generation()
        try:
            await cache.add(key, fresh, ttl=ttl)
        except ValueError:  # another process was faster: what it made counts
            continue
        return fresh
    raise DriverUnavailable("does not keep what is written")
