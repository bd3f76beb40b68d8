"""Evictions as steps of something larger: what a driver could not do is owed, and it is not believed until that is made good."""

import asyncio
from collections.abc import Mapping, Sequence

from connector.cleanup import Timed
from connector.outcomes import EvictOutcome, EvictResult
from connector.steps import step
from connector.storage import Storage
from drivers import Driver, DriverError, Scope


async def evict(storage: Storage, driver: Driver, scopes: Sequence[Scope]) -> Timed[EvictOutcome]:
    """Evict the scopes from one driver within its deadline. What has to be durable of it is in the ledger already."""
    deadline = storage.deadlines.evict

    async def evicted() -> EvictOutcome:
        try:
            await storage.evict(driver, scopes)
        except DriverError as problem:
            return EvictOutcome(EvictResult.UNAVAILABLE, str(problem))
        return EvictOutcome(EvictResult.EVICTED)

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


async def evict_everywhere(storage: Storage, owed: Mapping[str, Sequence[Scope]]) -> list[str]:
    """Evict from every driver at once what is owed to it, and return the names of those that did."""
    async with asyncio.TaskGroup() as steps:
        evicting = {driver.name: steps.create_task(evict(storage, driver, owed[driver.name])) for driver in storage.drivers}
    return names_of_done({name: task.result() for name, task in evicting.items()})


def names_of_done(evictions: Mapping[str, Timed[EvictOutcome]]) -> list[str]:
    """Return the names of the drivers that have evicted."""
    return [name for name, done in evictions.items() if done.outcome.result is EvictResult.EVICTED]
