"""Bytes across the configured drivers: nearest first, each copy judged by the authority's stamp."""

import random
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import structlog
from msgspec.structs import replace

from connector.cache.life import shortened
from connector.cache.storage import Reads, Storage
from connector.runtime.deadline import within
from drivers import Driver, DriverError, DriverUnavailable, Entry, Scope, Stamp
from drivers.cancellation import cancelled_only_if_asked

T = TypeVar("T")
log = structlog.get_logger(__name__)

NEAR_LIFE = 60.0
"""Seconds that a near copy lives at most: for so long another process's `set` or `delete` may not be seen."""


class Epoch:
    """The time between two changes (`set`, `delete`) of one entry by this process, known to whoever began something in it."""

    __slots__ = ("__weakref__", "over")

    def __init__(self) -> None:
        self.over = False


class Entries:
    """Reads and writes of one process. A driver that fails or is late is passed by: a read is slow then, and never wrong.

    `clock` is in seconds since the epoch; `luck`, from 0 to 1, shortens the life of each entry.
    """

    def __init__(
        self, storage: Storage, *, clock: Callable[[], float] = time.time, luck: Callable[[], float] = random.random
    ) -> None:
        self._storage = storage
        self._authority = storage.authority
        self._near = storage.drivers[:-1]
        self._nearest, *self._farther = storage.drivers
        self._reads = storage.reads
        self._uncounted = {name: Reads() for name in storage.reads}
        self._nearest_reads = storage.reads[self._nearest.name]
        self._deadline = storage.deadlines.read
        self._clock = clock
        self._luck = luck
        self._epochs: WeakValueDictionary[tuple[Scope, str], Epoch] = WeakValueDictionary()

    def at_once(self, scope: Scope, key: str) -> bytes | None:
        """Return the value that is there under the present stamp, where both can be told without waiting; None says nothing."""
        try:
            entry = self._nearest.get_at_once(scope, key)
            current = entry is not None and self._storage.trusted and entry.stamp == self._authority.stamp_at_once(scope)
        except DriverError:
            return None
        if entry is None or not current:
            return None
        self._nearest_reads.hits += 1
        return entry.value

    async def stamp(self, scope: Scope) -> Stamp | None:
        """Return the authority's current stamp; None while it cannot tell or owes an eviction, so that nothing may be served."""
        if not self._storage.trusted:
            return None
        return await self._ask(self._authority, self._authority.stamp(scope))

    def entry(self, value: bytes, stamp: Stamp, ttl: float) -> Entry:
        """Return what is stored of a value."""
        return Entry(value, stamp, expires_at=self._clock() + shortened(ttl, self._luck()))

    def epoch(self, scope: Scope, key: str) -> Epoch:
        """Return the present epoch of an entry, for `keep`."""
        return self._epochs.setdefault((scope, key), Epoch())

    async def read(self, scope: Scope, key: str, stamp: Stamp, *, again: bool = False) -> bytes | None:
        """Return the value that was loaded under this very stamp, from the nearest driver that has it, and copy it nearer.

        `again` is for a second look on behalf of one reader: how it ends is not counted.
        """
        reads = self._uncounted if again else self._reads
        entry = await self._ask(self._nearest, self._nearest.get(scope, key))
        if entry is not None and entry.stamp == stamp:
            reads[self._nearest.name].hits += 1
            return entry.value
        reads[self._nearest.name].misses += 1
        epoch = self.epoch(scope, key) if self._farther else None
        for position, driver in enumerate(self._farther, start=1):
            entry = await self._ask(driver, driver.get(scope, key))
            if entry is not None and entry.stamp == stamp:
                reads[driver.name].hits += 1
                await self._copy(self._near[:position], scope, key, entry, epoch)
                return entry.value
            reads[driver.name].misses += 1
        return None

    async def keep(self, scope: Scope, key: str, entry: Entry, epoch: Epoch) -> bool:
        """Store what was loaded, if its stamp is still current and the entry was not changed since; say whether it was stored."""
        if epoch.over or not await self._ask(self._authority, self._authority.put_if_current(scope, key, entry)):
            return False
        if epoch.over:  # changed on the way: nobody knows which of the two came first
            await self._ask(self._authority, self._authority.delete(scope, key))
            return False
        await self._copy(self._near, scope, key, entry, epoch)
        return True

    async def set(self, scope: Scope, key: str, entry: Entry) -> bool:
        """Store the entry if its stamp is still current, and say so. If it was not stored, an older one may still be there."""
        with self._changing(scope, key):
            if await self._ask(self._authority, self._authority.put_if_current(scope, key, entry)):
                await self._copy(self._near, scope, key, entry)
                return True
            await self._delete_near(scope, key)
            return False

    async def delete(self, scope: Scope, key: str) -> None:
        """Forget the entry in every driver. Raises `DriverError` if the authority could not."""
        with self._changing(scope, key):
            try:
                await within(self._deadline, self._authority.delete(scope, key))
            except TimeoutError as late:
                raise DriverUnavailable(f"{self._authority.name}: no answer within {self._deadline:g} s") from late
            finally:
                await self._delete_near(scope, key)

    @contextmanager
    def _changing(self, scope: Scope, key: str) -> Iterator[None]:
        """Whoever has begun to read or load the entry before the end of this must not store what they find."""
        self._end_epoch(scope, key)
        try:
            yield
        finally:
            self._end_epoch(scope, key)

    def _end_epoch(self, scope: Scope, key: str) -> None:
        if epoch := self._epochs.pop((scope, key), None):
            epoch.over = True

    async def _copy(self, drivers: tuple[Driver, ...], scope: Scope, key: str, entry: Entry, epoch: Epoch | None = None) -> None:
        copy = replace(entry, expires_at=min(entry.expires_at, self._clock() + NEAR_LIFE))
        for driver in drivers:
            if epoch is None or not epoch.over:
                await self._ask(driver, driver.put(scope, key, copy))

    async def _delete_near(self, scope: Scope, key: str) -> None:
        for driver in self._near:
            await self._ask(driver, driver.delete(scope, key))

    async def _ask(self, driver: Driver, question: Coroutine[Any, Any, T]) -> T | None:
        try:
            with cancelled_only_if_asked:
                return await within(self._deadline, question)
        except (TimeoutError, DriverError) as problem:
            log.debug("storage driver passed by", driver=driver.name, reason=str(problem) or "late")
            self._storage.watch.doubt(driver)
            return None
