"""Entries in aiocache's memory cache, under flat keys, with an index of the keys of each bucket.

    <digest of the bucket's generations and of the key>   ->   packed entry

aiocache sets no timers here, because the event loop's heap would hold one for each entry, and is rebuilt when many are
cancelled. The expiry is read from the entry, and `purge` frees its bytes.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from secrets import token_bytes

from aiocache import SimpleMemoryCache

from drivers import generations
from drivers.aiocached.layout import Layout, Owners, Packed
from drivers.contract import MOST_COUNTED, Stamp, Statistics, Usage
from drivers.driver_errors import DriverUnavailable
from drivers.expiries import Expiries
from drivers.keys import digest

SLICE = 100
"""Entries freed between two turns of the event loop: aiocache takes some microseconds for each."""
OVERHEAD = 700
"""Bytes of memory that an entry takes beside its value, in aiocache's dictionary and in the index."""


@dataclass(slots=True, eq=False)
class _OwnerLife:
    """The present life of a session, a system or everything: its generation, and the buckets whose names it is part of."""

    used: float
    generation: bytes = field(default_factory=generations.new_generation)
    buckets: "set[_FlatBucket]" = field(default_factory=set)
    ended: bool = False


@dataclass(slots=True, eq=False)
class _FlatBucket:
    """The flat keys that depend on the same lives, and when each expires."""

    name: Stamp
    lives: list[_OwnerLife]
    expiries: dict[str, float] = field(default_factory=dict)


class MemoryLayout(Layout):
    """The layout in memory. Its index and aiocache never differ, because aiocache's memory cache never suspends."""

    def __init__(self, max_bytes: int, clock: Callable[[], float]) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        self._cache = SimpleMemoryCache(namespace="", timeout=None)
        self._lives: OrderedDict[bytes, _OwnerLife] = OrderedDict()
        """By owner, least recently used first."""
        self._buckets: dict[Stamp, _FlatBucket] = {}
        self._garbage: list[_OwnerLife | _FlatBucket] = []
        """A stack of unreachable lives and buckets that still have to be freed."""
        self._expiries: Expiries[_FlatBucket] = Expiries()
        self._held: OrderedDict[str, tuple[_FlatBucket, int]] = OrderedDict()
        """The bucket and the size of each entry, the one that was stored first before all others."""
        self._bytes = 0

    async def ping(self) -> None:
        written = token_bytes(8)
        await self._cache.set("ping", written)
        if await self._cache.get("ping") != written:
            raise DriverUnavailable("does not keep what is written")

    async def stamp(self, owners: Owners) -> Stamp:
        return _name(self._lives_of(owners))

    async def get(self, owners: Owners, key: bytes) -> bytes | None:
        bucket = self._bucket(owners)
        data: bytes | None = await self._cache.get(_flat(bucket, key)) if bucket else None
        return data

    async def put(self, owners: Owners, key: bytes, packed: Packed, stamp: Stamp | None) -> bool:
        size = len(packed.data) + OVERHEAD
        if not await self._made_room(size):
            return False
        lives = self._lives_of(owners)
        if stamp is not None and stamp != _name(lives):
            return False
        bucket = self._buckets.get(_name(lives)) or self._begin_bucket(lives)
        flat = _flat(bucket, key)
        self._forget_expiry(bucket, flat)
        bucket.expiries[flat] = packed.expires_at
        self._expiries.add(bucket, flat, packed.expires_at)
        self._held[flat] = bucket, size
        self._bytes += size
        await self._cache.set(flat, packed.data)
        return True

    async def delete(self, owners: Owners, key: bytes) -> None:
        bucket = self._bucket(owners)
        if bucket:
            self._forget_expiry(bucket, _flat(bucket, key))
            await self._free(bucket, _flat(bucket, key))

    async def forget(self, owners: Owners) -> None:
        for owner in owners:
            life = self._lives.pop(owner, None)
            if life is None:
                continue
            life.ended = True
            if life.buckets:
                self._garbage.append(life)

    async def purge(self, limit: int) -> bool:
        for step in range(limit):
            if not (await self._free_unreachable() or await self._free_expired() or await self._forget_idle()):
                return False
            # Otherwise a large purge would block the event loop.
            if step % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        return True

    async def statistics(self) -> Statistics:
        return Statistics(entries=len(self._held), garbage=len(self._garbage), bytes=self._bytes)

    async def usage(self, owner: bytes) -> Usage:
        life = self._lives.get(owner)
        buckets = () if life is None else life.buckets
        present = (bucket for bucket in buckets if not any(each.ended for each in bucket.lives))
        sizes = (self._held[flat][1] for bucket in present for flat in bucket.expiries)
        counted = [*islice(sizes, MOST_COUNTED)]
        return Usage(len(counted), sum(counted), complete=next(sizes, None) is None)

    async def _made_room(self, size: int) -> bool:
        """Make room, a slice at a time; False if there cannot be any. No other task runs before the caller's next step."""
        steps = 0
        while self._bytes + size > self._max_bytes:
            if size > self._max_bytes:
                return False
            if not await self._free_unreachable():
                flat, (bucket, _) = next(iter(self._held.items()))
                self._forget_expiry(bucket, flat)
                await self._free(bucket, flat)
            steps += 1
            if steps % SLICE == 0:
                await asyncio.sleep(0)
        return True

    def _lives_of(self, owners: Owners) -> list[_OwnerLife]:
        now = self._clock()
        for owner in owners:
            self._lives.setdefault(owner, _OwnerLife(now)).used = now
            # The least recently used life comes first, so that `purge` finds idle ones without a search.
            self._lives.move_to_end(owner)
        return [self._lives[owner] for owner in owners]

    def _bucket(self, owners: Owners) -> _FlatBucket | None:
        lives = [self._lives[owner] for owner in owners if owner in self._lives]
        return self._buckets.get(_name(lives)) if len(lives) == len(owners) else None

    def _begin_bucket(self, lives: list[_OwnerLife]) -> _FlatBucket:
        bucket = self._buckets[_name(lives)] = _FlatBucket(_name(lives), lives)
        for life in lives:
            life.buckets.add(bucket)
        return bucket

    def _forget_expiry(self, bucket: _FlatBucket, flat: str) -> None:
        expires_at = bucket.expiries.pop(flat, None)
        if expires_at is not None:
            self._expiries.discard(bucket, flat, expires_at)
            self._forget_size(flat)

    def _forget_size(self, flat: str) -> None:
        _, size = self._held.pop(flat)
        self._bytes -= size

    async def _free(self, bucket: _FlatBucket, flat: str) -> None:
        """Free an entry that is in the index no more, and with the last of them the bucket."""
        if not bucket.expiries and bucket.name in self._buckets:
            del self._buckets[bucket.name]
            for life in bucket.lives:
                life.buckets.discard(bucket)
        await self._cache.delete(flat)

    async def _free_unreachable(self) -> bool:
        """Take one step of freeing the top of the garbage."""
        if not self._garbage:
            return False
        match self._garbage[-1]:
            case _FlatBucket(expiries=expiries) as bucket if expiries:
                flat = next(reversed(expiries))
                self._forget_expiry(bucket, flat)
                await self._free(bucket, flat)
            case _OwnerLife(buckets=buckets) if buckets:
                self._garbage.append(buckets.pop())
            case _:
                self._garbage.pop()
        return True

    async def _free_expired(self) -> bool:
        due = self._expiries.take_due(self._clock())
        if due is None:
            return False
        bucket, flat = due
        del bucket.expiries[flat]
        self._forget_size(flat)
        await self._free(bucket, flat)
        return True

    async def _forget_idle(self) -> bool:
        owner = next(iter(self._lives), None)
        if owner is None or self._lives[owner].used >= self._clock() - generations.LIFE:
            return False
        await self.forget((owner,))
        return True


def _flat(bucket: _FlatBucket, key: bytes) -> str:
    return digest(bucket.name, key).hex()


def _name(lives: list[_OwnerLife]) -> Stamp:
    return Stamp(b"".join([life.generation for life in lives]))
