"""What is cached, as an administrator sees it and makes it go: by the very same eviction as a cleanup's of OpsHub."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar
from uuid import uuid4

import structlog
from msgspec import Struct

from connector.admin.readiness import UP
from connector.admin.shown_caches import (
    EvictedSystem,
    ShownCaches,
    ShownStore,
    ShownSystem,
    ShownUsage,
    evicted_system,
    shown_usage,
)
from connector.cache.storage import Storage
from connector.cleanups.orchestrator import Orchestrator
from connector.ledger.bookkeeping import in_time
from connector.ledger.port import ShownSessions
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.outcomes import NOTHING_TO_END
from connector.runtime.steps import step
from connector.telemetry.metrics import Metrics
from drivers import Driver, DriverError, Statistics, SystemScope

T = TypeVar("T")
log = structlog.get_logger(__name__)

MOST_SYSTEMS = 50
"""Systems that are shown at most if none is named: each is counted in each store."""
UNTOLD = Statistics(entries=None, garbage=None)


class Caching(Struct, frozen=True):
    """Shows and evicts what is cached."""

    storage: Storage
    orchestrator: Orchestrator
    ledger: ShownSessions
    metrics: Metrics

    async def shown(self, system: str | None) -> ShownCaches:
        """Tell what the drivers hold, and of this system; without one, of those of which sessions are open.

        Raises:
            LedgerUnavailable: nobody knows of which sessions are open.
        """
        systems = await in_time(self.ledger.systems(MOST_SYSTEMS + 1)) if system is None else [system]
        stores = await asyncio.gather(*map(self._store, self.storage.drivers))
        held = [await self._held(each) for each in systems[:MOST_SYSTEMS]]
        return ShownCaches(drivers=stores, systems=held, more=len(systems) > MOST_SYSTEMS)

    async def evict(self, system: str) -> EvictedSystem:
        """Evict all that is cached of a system, its sessions' included, as a cleanup of a session that nobody has opened.

        No login is ended. What a driver cannot do now is owed, and done once it can.

        Raises:
            BrokenOff: the server ends, and waits no longer.
        """
        nobodys = CleanupRequest(str(uuid4()), system, global_cache=True, credential=Credential(), foregone=NOTHING_TO_END)
        report = await self.orchestrator.cleanup(nobodys)
        self.metrics.observe_evictions(report)
        done = evicted_system(system, report)
        log.info("an administrator has evicted all that is cached of a system", evictions=done.evictions)
        return done

    async def _store(self, driver: Driver) -> ShownStore:
        found = await self._answer(driver, driver.statistics)
        told = UNTOLD if isinstance(found, str) else found
        reads = self.storage.reads[driver.name]
        return ShownStore(
            driver=driver.name,
            state=found if isinstance(found, str) else UP,
            entries=told.entries,
            garbage=told.garbage,
            bytes=told.bytes,
            hits=reads.hits,
            misses=reads.misses,
        )

    async def _held(self, system: str) -> ShownSystem:
        drivers = self.storage.drivers
        used = await asyncio.gather(*(self._usage(driver, system) for driver in drivers))
        return ShownSystem(system=system, held={driver.name: each for driver, each in zip(drivers, used, strict=True)})

    async def _usage(self, driver: Driver, system: str) -> ShownUsage | None:
        if not self.storage.watch.is_up(driver.name):
            return None  # many systems would take as many deadlines
        found = await self._answer(driver, partial(driver.usage, SystemScope(system)))
        return None if isinstance(found, str) else shown_usage(found)

    async def _answer(self, driver: Driver, question: Callable[[], Awaitable[T]]) -> T | str:
        """Return what a driver answers; if it does not, why."""
        deadline = self.storage.deadlines.ping

        async def told() -> T | str:
            try:
                return await question()
            except DriverError as problem:
                return str(problem)

        late: T | str = f"no answer within {deadline:g} s"
        failed: T | str = "a defect; the log has its traceback"
        return (await step(f"what {driver.name} holds", told, deadline=deadline, late=late, failed=failed)).outcome
