"""Evictions as steps of something larger: what a driver could not do is owed, and it is not believed until that is made good."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from connector.cleanup import Timed
from connector.outcomes import EvictOutcome, EvictResult
from connector.steps import attempt, milliseconds_since, step
from connector.storage import Storage
from drivers import Driver, DriverError, Scope

EVICTED = EvictOutcome(EvictResult.EVICTED)
SOON = 0.1
"""Seconds in which an eviction is soon: about as long as the ledger may take to record that it is owed."""


async def _evict(storage: Storage, driver: Driver, scopes: Sequence[Scope]) -> Timed[EvictOutcome]:
    """Evict the scopes from one driver within its deadline. What has to be durable of it is in the ledger already."""
    deadline = storage.deadlines.evict

    async def evicted() -> EvictOutcome:
        try:
            await storage.evict(driver, scopes)
        except DriverError as problem:
            return EvictOutcome(EvictResult.UNAVAILABLE, str(problem))
        return EVICTED

    done = await step(
        f"eviction from {driver.name}",
        evicted,
        deadline=deadline,
        late=EvictOutcome(EvictResult.UNAVAILABLE, f"no answer within {deadline:g} s"),
        failed=EvictOutcome(EvictResult.FAILED, "a defect; the log has its traceback"),
    )
    if done.outcome.result is not EvictResult.EVICTED:
        storage.owe(driver)
    return done


def begin_evictions(
    storage: Storage, owed: Mapping[str, Sequence[Scope]], steps: asyncio.TaskGroup
) -> dict[str, asyncio.Future[Timed[EvictOutcome]]]:
    """Evict from every driver what is owed to it, at the same time, and return what becomes of each by the driver's name.

    What needs no waiting is done already, the rest is among the `steps`.
    """
    return {driver.name: _begin(storage, driver, owed[driver.name], steps) for driver in storage.drivers}


def _begin(
    storage: Storage, driver: Driver, scopes: Sequence[Scope], steps: asyncio.TaskGroup
) -> asyncio.Future[Timed[EvictOutcome]]:
    at_once = _evict_at_once(storage, driver, scopes)
    if at_once is None:
        return steps.create_task(_evict(storage, driver, scopes))
    done: asyncio.Future[Timed[EvictOutcome]] = asyncio.get_running_loop().create_future()
    done.set_result(at_once)
    return done


def _evict_at_once(storage: Storage, driver: Driver, scopes: Sequence[Scope]) -> Timed[EvictOutcome] | None:
    started = time.monotonic()
    done = attempt(f"eviction from {driver.name}", lambda: storage.evict_at_once(driver, scopes), failed=False)
    return Timed(EVICTED, milliseconds_since(started)) if done else None


def evict_everywhere_at_once(storage: Storage, scopes: Sequence[Scope]) -> dict[str, Timed[EvictOutcome]]:
    """Evict the scopes from every driver that need not be waited for, and return what became of it by the driver's name."""
    tried = {driver.name: _evict_at_once(storage, driver, scopes) for driver in storage.drivers}
    return {name: done for name, done in tried.items() if done is not None}


async def evict_the_rest_soon(
    storage: Storage, scopes: Sequence[Scope], at_once: Mapping[str, Timed[EvictOutcome]]
) -> Mapping[str, Timed[EvictOutcome]] | None:
    """Evict the scopes from the drivers that are not among those `at_once`, together, and return what became of all.

    None where one of them fails, or is not done `SOON`. Who gets that has to see to it that all of it is owed, and done.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(SOON), asyncio.TaskGroup() as steps:
            rest = [driver for driver in storage.drivers if driver.name not in at_once]
            evicting = {driver.name: steps.create_task(_evict(storage, driver, scopes)) for driver in rest}
        evictions = {**at_once, **{name: done.result() for name, done in evicting.items()}}
        if len(names_of_done(evictions)) == len(evictions):
            return {driver.name: evictions[driver.name] for driver in storage.drivers}
    return None


async def evict_everywhere(storage: Storage, owed: Mapping[str, Sequence[Scope]]) -> list[str]:
    """Evict from every driver at once what is owed to it, and return the names of those that did."""
    async with asyncio.TaskGroup() as steps:
        evicting = begin_evictions(storage, owed, steps)
    return names_of_done({name: done.result() for name, done in evicting.items()})


def names_of_done(evictions: Mapping[str, Timed[EvictOutcome]]) -> list[str]:
    """Return the names of the drivers that have evicted."""
    return [name for name, done in evictions.items() if done.outcome.result is EvictResult.EVICTED]
