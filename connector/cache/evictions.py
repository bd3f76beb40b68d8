"""Evictions as steps of a cleanup. A driver that could not evict owes it, and is not trusted until it has."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from connector.cache.storage import Storage
from connector.model.cleanup import Timed
from connector.model.outcomes import EvictOutcome, EvictResult
from connector.runtime.deadline import is_done_within
from connector.runtime.steps import attempt, milliseconds_since, step
from drivers import Driver, DriverError, Scope
from drivers.shared import result_of

Eviction = asyncio.Future[Timed[EvictOutcome]]
"""The eviction from one driver: its outcome, now or later."""
Evicting = Mapping[str, Eviction]
"""Evictions by the driver's name."""
Begun = Mapping[str, asyncio.Future[None]]
"""Evictions that have begun without a task, by the driver's name."""
EVICTED = EvictOutcome(EvictResult.EVICTED)
SOON = 0.1
"""Seconds to wait for an eviction before it is recorded as owed: about as long as recording takes."""


async def _evict(
    storage: Storage, driver: Driver, scopes: Sequence[Scope], begun: asyncio.Future[None] | None = None
) -> Timed[EvictOutcome]:
    """Evict the scopes from one driver within its deadline, unless that has `begun`: then wait for its end as long.

    The ledger has recorded already what has to be durable.
    """
    deadline = storage.deadlines.evict

    async def evicted() -> EvictOutcome:
        try:
            if begun is None:
                await storage.evict(driver, scopes)
            else:
                await result_of(begun)
                storage.has_evicted(driver)
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
    # A driver that may still serve old values is not trusted before it has evicted.
    if not _is_done(done):
        storage.owe(driver)
    return done


def begin_evictions(
    storage: Storage, owed: Mapping[str, Sequence[Scope]], steps: asyncio.TaskGroup, begun: Evicting = MappingProxyType({})
) -> dict[str, Eviction]:
    """Evict from every driver what it owes, at the same time, and return each eviction by the driver's name.

    Evictions without waiting are done already; the others are among the `steps`. Those that have `begun` do not begin again.
    """
    return {
        driver.name: begun[driver.name] if driver.name in begun else _begin(storage, driver, owed[driver.name], steps)
        for driver in storage.drivers
    }


def _begin(storage: Storage, driver: Driver, scopes: Sequence[Scope], steps: asyncio.TaskGroup) -> Eviction:
    at_once = _evict_at_once(storage, driver, scopes)
    if at_once is None:
        return steps.create_task(_evict(storage, driver, scopes))
    # A finished future, so that callers need not tell quick drivers from slow ones.
    done: Eviction = asyncio.get_running_loop().create_future()
    done.set_result(at_once)
    return done


def _evict_at_once(storage: Storage, driver: Driver, scopes: Sequence[Scope]) -> Timed[EvictOutcome] | None:
    started = time.monotonic()
    done = attempt(f"eviction from {driver.name}", lambda: storage.evict_at_once(driver, scopes), failed=False)
    return Timed(EVICTED, milliseconds_since(started)) if done else None


def evict_everywhere_at_once(storage: Storage, scopes: Sequence[Scope]) -> dict[str, Timed[EvictOutcome]]:
    """Evict the scopes from every driver that can do so without waiting, and return the outcomes by the driver's name."""
    tried = {driver.name: _evict_at_once(storage, driver, scopes) for driver in storage.drivers}
    return {name: done for name, done in tried.items() if done is not None}


def begin_to_evict(storage: Storage, scopes: Sequence[Scope], at_once: Collection[str]) -> Begun:
    """Begin to evict the scopes from the drivers that are not among those `at_once`, if they need no task for it."""
    begun = {}
    for driver in storage.drivers:
        if driver.name not in at_once:
            begin = partial(storage.begin_to_evict, driver, scopes)
            if (eviction := attempt(f"eviction from {driver.name}", begin, failed=None)) is not None:
                begun[driver.name] = eviction
    return begun


async def evicted_soon(storage: Storage, begun: Begun) -> dict[str, Timed[EvictOutcome]] | None:
    """Return the outcomes of evictions that have begun, by the driver's name, if all of them are done within `SOON` seconds.

    Otherwise, or if one of them has failed, return None. It is the same as `evict_the_rest_soon`, without a task.
    """
    started = time.monotonic()
    for eviction in begun.values():
        if not await is_done_within(SOON, eviction) or eviction.cancelled() or eviction.exception() is not None:
            return None
    for driver in storage.drivers:
        if driver.name in begun:
            storage.has_evicted(driver)
    return dict.fromkeys(begun, Timed(EVICTED, milliseconds_since(started)))


async def evict_the_rest_soon(
    storage: Storage,
    scopes: Sequence[Scope],
    at_once: Mapping[str, Timed[EvictOutcome]],
    begun: Begun,
    steps: asyncio.TaskGroup,
) -> Evicting:
    """Evict the scopes from the drivers that are not among those `at_once`, together, and wait for `SOON` seconds.

    Those that have `begun` do not begin again. Returns the evictions, which go on among the `steps`. Those that have failed by
    then are left out.
    """
    rest = [driver for driver in storage.drivers if driver.name not in at_once]
    evicting = {driver.name: steps.create_task(_evict(storage, driver, scopes, begun.get(driver.name))) for driver in rest}
    # A wait that cancels nothing: an eviction that takes longer goes on, and is recorded as owed.
    await asyncio.wait(evicting.values(), timeout=SOON)
    return {name: task for name, task in evicting.items() if not task.done() or _is_done(task.result())}


async def evict_everywhere(storage: Storage, owed: Mapping[str, Sequence[Scope]]) -> list[str]:
    """Evict from all drivers together what they owe, and return the names of those that did."""
    async with asyncio.TaskGroup() as steps:
        evicting = begin_evictions(storage, owed, steps)
    return names_of_done({name: done.result() for name, done in evicting.items()})


def names_of_done(evictions: Mapping[str, Timed[EvictOutcome]]) -> list[str]:
    """Return the names of the drivers that have evicted."""
    return [name for name, done in evictions.items() if _is_done(done)]


def _is_done(eviction: Timed[EvictOutcome]) -> bool:
    return eviction.outcome.result is EvictResult.EVICTED
