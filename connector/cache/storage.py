"""The configured drivers as one: opened, evicted from and purged together. The last one is the authority."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256

import structlog

from connector.cache.watch import Watch
from connector.config.problems import driver_problem
from connector.config.settings import StorageDeadlines
from connector.model.errors import ConfigurationError, RefusedForNow, together
from connector.runtime.steps import close
from connector.runtime.supervision import supervised
from drivers import Driver, DriverError, DriverRefusedForNow, DriverUnavailable, Scope
from drivers.cancellation import cancelled_only_if_asked

log = structlog.get_logger(__name__)

PURGE_SLICE = 1_000
"""Entries that one purge call may free."""
PURGE_PAUSE = 10.0
"""Seconds between two purges of expired entries. An eviction begins one earlier."""
PURGE_REST = 0.1
"""Seconds after a complete purge. Evictions that come meanwhile are freed together by the next one."""


@dataclass(slots=True)
class Reads:
    """How the reads from one driver ended, as plain numbers, because counting must cost next to nothing."""

    hits: int = 0
    """Values under the current stamp."""
    misses: int = 0
    """No value, one under another stamp, or no answer."""


class Storage:
    """Drivers in the order of the configuration, nearest first."""

    def __init__(self, drivers: Sequence[Driver], deadlines: StorageDeadlines, *, owing: Sequence[str] | None = None) -> None:
        """`owing` are the names of the drivers whose evictions the ledger keeps until they are done; None for all."""
        self.drivers = tuple(drivers)
        self.owing = [driver.name for driver in drivers] if owing is None else owing
        self.authority = self.drivers[-1]
        self.deadlines = deadlines
        self._evicted = {driver.name: asyncio.Event() for driver in self.drivers}
        self._in_debt = {driver.name: asyncio.Event() for driver in self.drivers}
        self._distrusted: set[str] = set()
        self.is_parted = False
        """Whether another replica uses another store as authority, so that evictions of one do not reach the other."""
        self.watch = Watch(self.drivers, deadlines.ping)
        self.reads = {driver.name: Reads() for driver in self.drivers}

    @property
    def authority_as_configured(self) -> str:
        """The authority's name, and a digest of its settings: a later start can tell by it whether another one decides."""
        kind, settings = type(self.authority), self.authority.settings.model_dump()  # where a secret does not show its value
        digest = sha256(f"{kind.__module__}.{kind.__qualname__} {settings!r}".encode("utf-8", "backslashreplace"))
        return f"{self.authority.name} {digest.hexdigest()[:16]}"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Open every driver, purge them in the background, and close all at the end.

        A store that is out of reach is used once it is back; the `watch` finds out when that is.

        Raises:
            ConfigurationError: with everything that only a person can mend.
            RefusedForNow: with nothing but what may pass by itself.
        """
        async with AsyncExitStack() as stack:
            problems = list[ConfigurationError]()
            for driver in self.drivers:
                # Before it is opened, because a driver has to be closed after a failed `open` as well.
                stack.push_async_callback(_close, driver)
                if problem := await self._open(driver):
                    problems.append(problem)
            if problems:
                raise together(problems)
            for driver in self.drivers:
                await stack.enter_async_context(supervised(f"purge {driver.name}", partial(self._keep_tidy, driver)))
            yield

    async def evict(self, driver: Driver, scopes: Sequence[Scope]) -> None:
        """Evict the scopes from one driver; their bytes are freed later. Raises `DriverError`; sets no deadline."""
        await driver.evict(*scopes)
        self.has_evicted(driver)

    def evict_at_once(self, driver: Driver, scopes: Sequence[Scope]) -> bool:
        """Do what `evict` does if the driver need not wait, and tell whether it is done. `evict` tells why it failed."""
        try:
            done = driver.evict_at_once(*scopes)
        except DriverError:
            return False
        if done:
            self._evicted[driver.name].set()
        return done

    def begin_to_evict(self, driver: Driver, scopes: Sequence[Scope]) -> asyncio.Future[None] | None:
        """Begin what `evict` does, if the driver needs no task for it. Whoever sees its end tells `has_evicted`."""
        try:
            return driver.begin_to_evict(*scopes)
        except DriverError:
            return None

    def has_evicted(self, driver: Driver) -> None:
        """Note that a driver has evicted something, whose bytes can be freed."""
        self._evicted[driver.name].set()

    @property
    def trusted(self) -> bool:
        """Whether the authority owes no eviction, and all replicas use it. Otherwise nothing that it says may be served."""
        return not self.is_parted and self.authority.name not in self._distrusted

    def owe(self, driver: Driver) -> None:
        """Note that the driver owes an eviction, which the ledger knows, or what it could not take."""
        self._distrusted.add(driver.name)
        self.watch.doubt(driver)
        self._in_debt[driver.name].set()

    def owe_but(self, names: Collection[str]) -> None:
        """Note that all drivers owe an eviction but those with these names."""
        for driver in self.drivers:
            if driver.name not in names:
                self.owe(driver)

    async def next_debt(self, driver: Driver) -> None:
        """Wait until the driver owes an eviction that has not begun yet."""
        await self._in_debt[driver.name].wait()
        self._in_debt[driver.name].clear()

    def absolve(self, driver: Driver) -> None:
        """Note that the driver owes nothing any more, unless a new debt has come meanwhile."""
        # A debt that came while the last one was settled still counts.
        if not self._in_debt[driver.name].is_set():
            self._distrusted.discard(driver.name)

    async def _keep_tidy(self, driver: Driver) -> None:
        evicted = self._evicted[driver.name]
        while True:
            # Before the purge: an eviction that comes during it asks for another one.
            evicted.clear()
            more = await self._purge(driver)
            await asyncio.sleep(0 if more else PURGE_REST)
            with suppress(TimeoutError):
                async with asyncio.timeout(0 if more else PURGE_PAUSE):
                    await evicted.wait()

    async def _purge(self, driver: Driver) -> bool:
        try:
            async with asyncio.timeout(self.deadlines.evict):
                return await driver.purge(PURGE_SLICE)
        except (TimeoutError, DriverError) as problem:
            log.debug("purge put off", driver=driver.name, reason=str(problem))
            self.watch.doubt(driver)
            return False

    async def _open(self, driver: Driver) -> ConfigurationError | None:
        """Open a driver, and return why no server starts with it."""
        try:
            with cancelled_only_if_asked:
                await driver.open()
        except DriverUnavailable as problem:
            self.watch.found(driver, str(problem))
        except DriverError as problem:
            kind = RefusedForNow if isinstance(problem, DriverRefusedForNow) else ConfigurationError
            return kind([driver_problem(driver.name, problem)])
        return None


async def _close(driver: Driver) -> None:
    async def closed() -> None:
        try:
            await driver.aclose()
        except DriverError as problem:
            log.warning("storage driver was not closed properly", driver=driver.name, reason=str(problem))

    await close(f"storage driver {driver.name}", closed)
