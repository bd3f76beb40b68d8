"""A local cache, and an authority for one process that may forget everything at its end."""

import asyncio
import time
from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import Annotated, ClassVar

from msgspec.structs import replace
from pydantic import Field

from drivers.contract import MAX_TTL, MOST_COUNTED, Driver, DriverSettings, Entry, Scope, Stamp, Statistics, Usage
from drivers.driver_errors import DriverUnavailable
from drivers.memory.lives import Lives, NamedBucket
from drivers.memory.shelf import Shelf

SLICE = 500
"""Entries freed between two turns of the event loop: about a millisecond."""


class MemorySettings(DriverSettings):
    """Settings of `[storage.<name>]`. If there is no room, entries that were not read for long make room."""

    max_entries: Annotated[int, Field(gt=0)] = 100_000
    """Entries held at most."""
    max_bytes: Annotated[int, Field(gt=0)] = 268_435_456
    """Bytes of memory that they take at most, about. An entry that is larger by itself is not kept."""


class MemoryDriver(Driver):
    """A driver whose calls, except `purge`, are a few look-ups, unless it has to make much room. Instances share nothing.

    Methods call the short cuts by this class's name, because a derived class may have others.
    """

    Settings: ClassVar[type[DriverSettings]] = MemorySettings

    def __init__(self, name: str, settings: DriverSettings, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(name, settings)
        self._bounds = settings if isinstance(settings, MemorySettings) else MemorySettings()
        self._clock = clock
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        self._lives = Lives()
        self._shelf = Shelf(self._bounds.max_entries, self._bounds.max_bytes)

    async def aclose(self) -> None:
        self._closed = True
        self._begin()

    async def ping(self) -> None:
        self._must_be_open()

    async def stamp(self, scope: Scope) -> Stamp:
        return MemoryDriver.stamp_at_once(self, scope)

    def stamp_at_once(self, scope: Scope) -> Stamp:
        self._must_be_open()
        return self._lives.present(scope, self._clock()).name

    async def get(self, scope: Scope, key: str) -> Entry | None:
        return MemoryDriver.get_at_once(self, scope, key)

    def get_at_once(self, scope: Scope, key: str) -> Entry | None:
        self._must_be_open()
        bucket = self._lives.bucket(scope)
        held = bucket.entries.get(key) if bucket is not None else None
        if held is None or held.entry.expires_at <= self._clock():
            return None
        held.used = True
        return held.entry

    def get_many_at_once(self, scope: Scope, keys: Sequence[str]) -> Sequence[Entry | None]:
        self._must_be_open()
        bucket = self._lives.bucket(scope)
        if bucket is None:
            return [None] * len(keys)
        now, found = self._clock(), list[Entry | None]()
        for held in map(bucket.entries.get, keys):
            if held is None or held.entry.expires_at <= now:
                found.append(None)
            else:
                held.used = True
                found.append(held.entry)
        return found

    async def put(self, scope: Scope, key: str, entry: Entry) -> None:
        if await self._made_room_for(key, entry):
            now = self._clock()
            if self._store(self._lives.present(scope, now), key, entry, now):
                return
        await MemoryDriver.delete(self, scope, key)

    async def put_if_current(self, scope: Scope, key: str, entry: Entry) -> bool:
        if not await self._made_room_for(key, entry):
            return False
        now = self._clock()
        bucket = self._lives.present(scope, now)
        return bucket.name == entry.stamp and self._store(bucket, key, entry, now)

    async def delete(self, scope: Scope, key: str) -> None:
        self._must_be_open()
        bucket = self._lives.bucket(scope)
        if bucket is not None and key in bucket.entries:
            self._shelf.forget(bucket, key)

    async def evict(self, *scopes: Scope) -> None:
        MemoryDriver.evict_at_once(self, *scopes)

    def evict_at_once(self, *scopes: Scope) -> bool:
        self._must_be_open()
        for scope in scopes:
            self._lives.end(scope)
        return True

    async def purge(self, limit: int) -> bool:
        for step in range(limit):
            self._must_be_open()
            now = self._clock()
            if not (self._lives.free(self._shelf) or self._shelf.drop_expired(now) or self._lives.end_idle(now)):
                return False
            if step % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        return True

    async def statistics(self) -> Statistics:
        self._must_be_open()
        return Statistics(entries=len(self._shelf), garbage=self._lives.garbage, bytes=self._shelf.bytes)

    async def usage(self, scope: Scope) -> Usage:
        self._must_be_open()
        sizes = chain.from_iterable(map(self._shelf.sizes, self._lives.buckets(scope)))
        counted = [*islice(sizes, MOST_COUNTED)]
        return Usage(len(counted), sum(counted), complete=next(sizes, None) is None)

    def _must_be_open(self) -> None:
        if self._closed:
            raise DriverUnavailable(f"{self.name}: closed")

    async def _made_room_for(self, key: str, entry: Entry) -> bool:
        """Make room, a slice at a time; False if there cannot be any. No other task runs before the caller's next step."""
        steps = 0
        while not self._shelf.has_room_for(key, entry):
            if not self._shelf.could_hold(key, entry):
                return False
            # Unreachable entries first: nobody misses them.
            if not self._lives.free(self._shelf):
                self._shelf.drop_unused()
            steps += 1
            if steps % SLICE == 0:
                await asyncio.sleep(0)
        self._must_be_open()
        return True

    def _store(self, bucket: NamedBucket, key: str, entry: Entry, now: float) -> bool:
        if entry.expires_at <= now:
            return False
        # Every driver has the same limit, so that moving from one to another changes nothing.
        longest = now + MAX_TTL
        self._shelf.put(bucket, key, entry if entry.expires_at <= longest else replace(entry, expires_at=longest))
        return True
