"""Bytes across the configured drivers, nearest first. The authority's stamp decides about each copy."""

import random
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import structlog
from msgspec.structs import replace

from connector.cache.life import shortened
from connector.cache.storage import Reads, Storage
from connector.runtime.deadline import within
from drivers import Driver, DriverError, DriverUnavailable, Entry, Scope, Sharing, Stamp
from drivers.cancellation import cancelled_only_if_asked

T = TypeVar("T")
log = structlog.get_logger(__name__)

LOCAL_LIFE = 60.0
"""Seconds that a local copy lives at most. For so long, another process's `set` or `delete` may not be seen."""


class Epoch:
    """The time between two changes (`set`, `delete`) of one entry by this process. A load knows in which one it began."""

    __slots__ = ("__weakref__", "over")

    def __init__(self) -> None:
        self.over = False


class Entries:
    """The reads and writes of one process. A driver that fails or is late is skipped: a read may be slow, but never wrong.

    `clock` is in seconds since the epoch; `luck`, from 0 to 1, shortens the life of each entry.
    """

    def __init__(
        self, storage: Storage, *, clock: Callable[[], float] = time.time, luck: Callable[[], float] = random.random
    ) -> None:
        self._storage = storage
        self._authority = storage.authority
        self.asks_far = storage.authority.capabilities.shared is Sharing.MACHINES
        """Whether a question to the authority goes through a network."""
        self._local = storage.drivers[:-1]
        self._nearest, *self._farther = storage.drivers
        self._reads = storage.reads
        self._uncounted = {name: Reads() for name in storage.reads}
        self._nearest_reads = storage.reads[self._nearest.name]
        self._deadline = storage.deadlines.read
        self._clock = clock
        self._luck = luck
        # Weak: an epoch is needed only while a read or a load holds it.
        self._epochs: WeakValueDictionary[tuple[Scope, str], Epoch] = WeakValueDictionary()

    async def forget(self, scope: Scope) -> None:
        """Evict a scope from the authority, if it answers in time. Nobody owes it."""
        with suppress(DriverError, TimeoutError), cancelled_only_if_asked:
            await within(self._storage.deadlines.evict, self._storage.evict(self._authority, [scope]))

    def at_once(self, scope: Scope, key: str) -> bytes | None:
        """Return the value under the current stamp if both are known without waiting. None means nothing."""
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
        """Return the authority's current stamp. None while it cannot tell, or owes an eviction: nothing may be served then.

        An authority that is known to be away is not waited for. A call with many reads would take as many deadlines.
        """
        if not (self._storage.trusted and self._storage.watch.is_up(self._authority.name)):
            return None
        return await self._ask(self._authority, self._authority.stamp(scope))

    def held(self, scope: Scope, keys: Sequence[str], stamp: Stamp) -> list[bytes | None]:
        """Return what is known without waiting of the values that were loaded under this stamp. None means nothing."""
        try:
            entries = self._nearest.get_many_at_once(scope, keys)
        except DriverError:
            return [None] * len(keys)
        values = [entry.value if entry is not None and entry.stamp == stamp else None for entry in entries]
        self._nearest_reads.hits += len(values) - values.count(None)
        return values

    def entry(self, value: bytes, stamp: Stamp, ttl: float) -> Entry:
        """Return the entry that stores a value."""
        return Entry(value, stamp, expires_at=self._clock() + shortened(ttl, self._luck()))

    def epoch(self, scope: Scope, key: str) -> Epoch:
        """Return the current epoch of an entry; `keep` needs it."""
        return self._epochs.setdefault((scope, key), Epoch())

    async def read(self, scope: Scope, key: str, stamp: Stamp, *, again: bool = False) -> bytes | None:
        """Return the value that was loaded under this very stamp, from the nearest driver that has it, and copy it nearer.

        `again` marks a second look for one reader, which is not counted.
        """
        # A second look would count one read of a caller twice.
        reads = self._uncounted if again else self._reads
        entry = await self._ask(self._nearest, self._nearest.get(scope, key))
        if entry is not None and entry.stamp == stamp:
            reads[self._nearest.name].hits += 1
            return entry.value
        reads[self._nearest.name].misses += 1
        # Taken before the farther drivers are asked: a change that comes meanwhile ends it.
        epoch = self.epoch(scope, key) if self._farther else None
        for position, driver in enumerate(self._farther, start=1):
            entry = await self._ask(driver, driver.get(scope, key))
            if entry is not None and entry.stamp == stamp:
                reads[driver.name].hits += 1
                await self._copy(self._local[:position], scope, key, entry, epoch)
                return entry.value
            reads[driver.name].misses += 1
        return None

    async def keep(self, scope: Scope, key: str, entry: Entry, epoch: Epoch) -> bool:
        """Store a loaded entry if its stamp is current and nothing has changed it since. Tell whether it was stored."""
        if epoch.over or not await self._ask(self._authority, self._authority.put_if_current(scope, key, entry)):
            return False
        if epoch.over:  # changed meanwhile: which of the two writes came first is unknown
            await self._ask(self._authority, self._authority.delete(scope, key))
            return False
        await self._copy(self._local, scope, key, entry, epoch)
        return True

    async def set(self, scope: Scope, key: str, entry: Entry) -> bool:
        """Store the entry if its stamp is still current, and tell so. If not, an older one may still be there."""
        with self._changing(scope, key):
            epoch = self.epoch(scope, key)
            is_stored = bool(await self._ask(self._authority, self._authority.put_if_current(scope, key, entry)))
            if is_stored:
                await self._copy(self._local, scope, key, entry, epoch)
            if not is_stored or epoch.over:  # changed meanwhile: which of the two came last at the authority is unknown
                await self._delete_local(scope, key)
            return is_stored

    async def delete(self, scope: Scope, key: str) -> None:
        """Forget the entry in every driver. Raises `DriverError` if the authority could not."""
        with self._changing(scope, key):
            try:
                await within(self._deadline, self._authority.delete(scope, key))
            except TimeoutError as late:
                raise DriverUnavailable(f"{self._authority.name}: no answer within {self._deadline:g} s") from late
            finally:
                await self._delete_local(scope, key)

    @contextmanager
    def _changing(self, scope: Scope, key: str) -> Iterator[None]:
        """Mark a change: a read or load that began before its end must not store what it finds."""
        self._end_epoch(scope, key)
        try:
            yield
        finally:
            self._end_epoch(scope, key)

    def _end_epoch(self, scope: Scope, key: str) -> None:
        if epoch := self._epochs.pop((scope, key), None):
            epoch.over = True

    async def _copy(self, drivers: tuple[Driver, ...], scope: Scope, key: str, entry: Entry, epoch: Epoch | None) -> None:
        # A local copy lives shorter, because this process does not hear of another one's `set` or `delete`.
        copy = replace(entry, expires_at=min(entry.expires_at, self._clock() + LOCAL_LIFE))
        for driver in drivers:
            if epoch is None or not epoch.over:
                await self._ask(driver, driver.put(scope, key, copy))

    async def _delete_local(self, scope: Scope, key: str) -> None:
        for driver in self._local:
            await self._ask(driver, driver.delete(scope, key))

    async def _ask(self, driver: Driver, question: Coroutine[Any, Any, T]) -> T | None:
        try:
            with cancelled_only_if_asked:
                return await within(self._deadline, question)
        except (TimeoutError, DriverError) as problem:
            log.debug("a storage driver is skipped", driver=driver.name, reason=str(problem) or "late")
            # One late read is no outage: the next ping decides that.
            self._storage.watch.doubt(driver)
            return None
