"""One of the processes that serve a connector, made of the real classes around simulated stores."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random

from connector.cache import Caches
from connector.cleanups.orchestrator import Orchestrator
from connector.config.settings import StorageDeadlines
from connector.endsystems.end_system import EndSystem
from connector.ledger.backoff import Backoff
from connector.ledger.bookkeeping import Bookkeeping
from connector.ledger.testing import MemoryLedger
from connector.runtime.supervision import supervised
from connector.sessions.unrecorded import Unrecorded
from connector.workers.owed_evictions import OwedEvictions
from drivers import Driver
from tests.assembly import METRICS, orchestrator_of
from tests.simulation.parts import Parts

DAY_ONE = 1_700_000_000.0
"""When simulated time begins."""


@dataclass(frozen=True, slots=True)
class Process:
    """What handlers and cleanups of one process use."""

    name: str
    caches: Caches
    orchestrator: Orchestrator


@asynccontextmanager
async def running(
    name: str,
    drivers: Sequence[Driver],
    parts: Parts,
    *,
    end_system: EndSystem,
    dice: Random,
    clock: Callable[[], float],
) -> AsyncIterator[Process]:
    """Run a process with these drivers, from its start, at which everything that its ledger knows is owed."""
    storage = parts.storage(drivers, StorageDeadlines())
    ledger = MemoryLedger(clock=clock)
    books = Bookkeeping(ledger, Backoff(604_800), clock)
    owed = OwedEvictions(ledger, storage, books, Unrecorded(), METRICS.observe_late_evictions)
    orchestrator = orchestrator_of(parts.orchestrator, end_system, storage, ledger, books)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(ledger.opened())
        await stack.enter_async_context(storage.opened())
        stack.push_async_callback(orchestrator.drain, 3600)
        for driver in drivers:
            storage.owe(driver)
            await stack.enter_async_context(supervised(f"owed by {driver.name}", partial(owed.run, driver)))
        yield Process(name, parts.caches(parts.entries(storage, clock=clock, luck=dice.random), parts.loads()), orchestrator)
