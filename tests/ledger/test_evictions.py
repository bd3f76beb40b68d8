"""The worker of the owed evictions: nothing is believed of the authority until all that it owes was made good."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from connector.cache.storage import Storage
from connector.config.settings import StorageDeadlines
from connector.ledger.backoff import Backoff
from connector.ledger.bookkeeping import Bookkeeping
from connector.ledger.port import Ledger
from connector.model.debts import LogoutState
from connector.runtime.supervision import supervised
from connector.sessions.unrecorded import Unrecorded
from connector.telemetry.metrics import Metrics
from connector.workers.owed_evictions import SLICE, OwedEvictions
from drivers import DriverUnavailable, SessionScope, Stamp
from tests.assembly import METRICS
from tests.doubles import ScriptedDriver
from tests.ledger.ledgers import DRIVERS, SetClock, raw, record, request, until
from tests.metrics.exposition import value


@pytest.fixture
def drivers() -> list[ScriptedDriver]:
    return [ScriptedDriver(name, ScriptedDriver.Settings()) for name in DRIVERS]


@pytest.fixture
def storage(drivers: Sequence[ScriptedDriver]) -> Storage:
    return Storage(drivers, StorageDeadlines())


@asynccontextmanager
async def at_work(ledger: Ledger, storage: Storage, clock: SetClock, metrics: Metrics = METRICS) -> AsyncIterator[Bookkeeping]:
    """Start as the application does: each driver owes what the ledger says."""
    books = Bookkeeping(ledger, Backoff(1), clock)
    worker = OwedEvictions(ledger, storage, books, Unrecorded(), metrics.observe_late_evictions)
    async with storage.opened(), AsyncExitStack() as stack:
        await stack.enter_async_context(supervised("watch", worker.watch))
        for driver in storage.drivers:
            storage.owe(driver)
            await stack.enter_async_context(supervised(driver.name, partial(worker.run, driver)))
        yield books


async def is_trusted(storage: Storage) -> bool:
    return storage.trusted


async def owes_no_eviction(ledger: Ledger, *drivers: str) -> bool:
    return not [debt for driver in drivers or DRIVERS for debt in await ledger.owed_evictions(driver)]


async def away() -> None:
    raise DriverUnavailable("the store is away")


async def test_what_is_owed_at_the_start_is_evicted_before_the_authority_is_trusted(
    ledger: Ledger, storage: Storage, drivers: Sequence[ScriptedDriver], clock: SetClock
) -> None:
    authority, scope, go_on = drivers[-1], SessionScope(request(1).session_id, "A"), asyncio.Event()

    async def held() -> None:
        await go_on.wait()

    authority.before_evict = held
    await record(ledger, 1)
    async with at_work(ledger, storage, clock):
        before = await authority.stamp(scope)
        assert not storage.trusted
        go_on.set()
        await until(partial(is_trusted, storage))
        assert await authority.stamp(scope) != before
        assert await ledger.owed_evictions(authority.name) == []


async def test_the_logout_of_a_row_stays_owed_when_its_evictions_are_made_good(
    ledger: Ledger, storage: Storage, clock: SetClock
) -> None:
    debt = await record(ledger, 1)
    async with at_work(ledger, storage, clock):
        await until(partial(owes_no_eviction, ledger))
        left = await ledger.debt(debt.id)
    assert (left.state, left.due_at, left.attempts) == (LogoutState.OWED, debt.due_at, 0)


async def test_each_eviction_that_is_made_good_is_counted(ledger: Ledger, storage: Storage, clock: SetClock) -> None:
    metrics = Metrics()
    for number in (1, 2):
        await record(ledger, number)
    async with at_work(ledger, storage, clock, metrics):
        await until(partial(owes_no_eviction, ledger))
    text = metrics.exposition().decode()
    assert [value(text, "connector_evictions_total", driver=name, outcome="evicted") for name in DRIVERS] == [2, 2]


async def test_more_than_fits_into_one_slice_is_made_good(ledger: Ledger, storage: Storage, clock: SetClock) -> None:
    async with asyncio.TaskGroup() as recording:
        for number in range(2 * SLICE + 1):
            recording.create_task(record(ledger, number))
    async with at_work(ledger, storage, clock):
        await until(partial(is_trusted, storage))
        assert await ledger.owed_evictions(storage.authority.name) == []


async def test_a_slice_with_damaged_rows_is_filled_up_for_a_short_one_is_the_last(ledger: Ledger, tmp_path: Path) -> None:
    debts = [await record(ledger, number) for number in range(4)]
    with raw(tmp_path) as file:
        file.execute("UPDATE debts SET attempts = 7 WHERE id = ?", (debts[1].id,))
    slice_ = await ledger.owed_evictions("memory", limit=2)
    assert [debt.id for debt in slice_] == [debts[0].id, debts[2].id]


async def test_a_row_that_is_found_damaged_has_all_invalidated_before_a_store_is_trusted(
    ledger: Ledger, storage: Storage, drivers: Sequence[ScriptedDriver], clock: SetClock, tmp_path: Path
) -> None:
    authority = drivers[-1]
    another = SessionScope(request(7).session_id, "A")
    debt = await record(ledger, 1)
    with raw(tmp_path) as file:
        file.execute("UPDATE debts SET attempts = 7 WHERE id = ?", (debt.id,))
    async with at_work(ledger, storage, clock):
        before = await authority.stamp(another)
        while not storage.trusted:  # noqa: ASYNC110 - looked at in each turn of the loop
            await asyncio.sleep(0)
        assert await authority.stamp(another) != before


async def test_an_authority_that_is_away_is_not_trusted_and_made_good_once_it_is_back(
    ledger: Ledger, storage: Storage, drivers: Sequence[ScriptedDriver], clock: SetClock
) -> None:
    near, authority = drivers
    authority.before_evict = away
    await record(ledger, 1)
    async with at_work(ledger, storage, clock):
        await until(partial(owes_no_eviction, ledger, near.name))
        assert not storage.trusted
        assert await ledger.owed_evictions(authority.name)
        authority.before_evict = None
        await until(partial(is_trusted, storage))
        assert not await ledger.owed_evictions(authority.name)


async def test_what_is_lost_while_a_driver_is_away_has_the_others_invalidated_once_more(
    ledger: Ledger, storage: Storage, drivers: Sequence[ScriptedDriver], clock: SetClock, tmp_path: Path
) -> None:
    (near, authority), scope = drivers, SessionScope(request(9).session_id, "A")

    async def lose(number: int) -> None:
        debt = await record(ledger, number)
        with raw(tmp_path) as file:
            file.execute("UPDATE debts SET attempts = 7 WHERE id = ?", (debt.id,))
        await ledger.owed_evictions(near.name)

    async def is_invalidated(since: Stamp) -> bool:
        return await near.stamp(scope) != since

    async def has_track() -> bool:
        return not ledger.lost_track

    authority.before_evict = away
    async with at_work(ledger, storage, clock):
        for number in (1, 2):
            before = await near.stamp(scope)
            await lose(number)
            await until(partial(is_invalidated, before))
            assert ledger.lost_track
        authority.before_evict = None
        await until(has_track)


@pytest.mark.parametrize("defect", [RuntimeError, asyncio.CancelledError])
async def test_an_authority_that_breaks_is_made_good_once_it_is_sound_again(
    ledger: Ledger, storage: Storage, drivers: Sequence[ScriptedDriver], clock: SetClock, defect: type[BaseException]
) -> None:
    broken = asyncio.Semaphore(0)

    async def breaks() -> None:
        broken.release()
        raise defect

    drivers[-1].before_evict = breaks
    await record(ledger, 1)
    async with at_work(ledger, storage, clock):
        await broken.acquire()
        await broken.acquire()
        assert not storage.trusted
        drivers[-1].before_evict = None
        await until(partial(is_trusted, storage))
        assert await owes_no_eviction(ledger)


async def test_cleanups_that_keep_coming_do_not_keep_the_authority_from_being_trusted(
    ledger: Ledger, storage: Storage, drivers: Sequence[ScriptedDriver], clock: SetClock
) -> None:
    authority, numbers = drivers[-1], iter(range(1_000))

    async def another_one_comes() -> None:
        await record(ledger, next(numbers))

    authority.before_evict = another_one_comes
    await another_one_comes()
    async with at_work(ledger, storage, clock):
        await until(partial(is_trusted, storage))
    assert next(numbers) < SLICE


async def test_an_unrecorded_eviction_is_recorded_once_the_ledger_works_again(
    ledger: Ledger, storage: Storage, clock: SetClock, tmp_path: Path
) -> None:
    async with at_work(ledger, storage, clock) as books:
        await until(partial(is_trusted, storage))
        debt = await record(ledger, 1)
        with raw(tmp_path) as file:
            file.execute("BEGIN IMMEDIATE")
            assert not await books.settle(debt, outcome=None, evicted=DRIVERS)
        assert storage.trusted
        await until(partial(owes_no_eviction, ledger))
        await until(partial(is_trusted, storage))
