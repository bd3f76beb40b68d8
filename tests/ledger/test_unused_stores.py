"""What is owed to stores that nobody uses is struck out, whatever comes meanwhile or later, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connector.cache.storage import Storage
from connector.config.settings import StorageDeadlines
from connector.ledger.backoff import Backoff
from connector.ledger.bookkeeping import Bookkeeping
from connector.ledger.port import Ledger
from connector.model.debts import LogoutState
from connector.model.errors import LedgerUnavailable
from connector.runtime.supervision import supervised
from connector.workers import unused_stores
from connector.workers.owed_evictions import SLICE
from connector.workers.unused_stores import UnusedStores
from drivers import SessionScope
from tests.doubles import ScriptedDriver
from tests.fleet.gates import away, in_place_of
from tests.ledger.ledgers import DRIVERS, SetClock, opened, record, until
from tests.ledger.rewound import Rewindable, replica
from tests.ledger.test_evictions import away as is_away
from tests.ledger.test_evictions import owes_no_eviction
from tests.sessions.served import served

GONE = "gone"
OpenLedger = Callable[[], AbstractAsyncContextManager[Ledger]]


@pytest.fixture(params=["sqlite", "postgres"])
def open_ledger(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> OpenLedger:
    """What opens a ledger of each engine."""
    if request.param == "sqlite":
        return partial(opened, tmp_path, clock=clock)
    database: Rewindable = request.getfixturevalue("database")
    return partial(replica, database)


@pytest.fixture
async def ledger(open_ledger: OpenLedger) -> AsyncIterator[Ledger]:
    async with open_ledger() as ledger:
        yield ledger


def storage_of(*names: str) -> Storage:
    return Storage([ScriptedDriver(name, ScriptedDriver.Settings()) for name in names], StorageDeadlines())


def worker_of(ledger: Ledger) -> UnusedStores:
    return UnusedStores(ledger, storage_of(*DRIVERS), Bookkeeping(ledger, Backoff(1)))


@asynccontextmanager
async def at_work(ledger: Ledger) -> AsyncIterator[None]:
    async with supervised("evictions that unused stores owe", worker_of(ledger).run):
        yield


async def test_only_the_evictions_of_stores_that_are_not_configured_are_struck_out(ledger: Ledger) -> None:
    debt = await record(ledger, 1, drivers=(*DRIVERS, GONE))
    async with at_work(ledger):
        await until(partial(owes_no_eviction, ledger, GONE))
    left = await ledger.debt(debt.id)
    assert ({*left.evictions}, left.state, left.attempts) == ({*DRIVERS}, LogoutState.OWED, 0)


async def test_a_slice_is_struck_out_at_once_so_that_it_shares_transactions(ledger: Ledger) -> None:
    await asyncio.gather(*(record(ledger, number, drivers=(GONE,)) for number in range(2 * SLICE)))
    real, together = ledger.settle, asyncio.Barrier(SLICE)

    async def in_company(*arguments: Any, **named: Any) -> object:
        await together.wait()
        return await real(*arguments, **named)

    with in_place_of(ledger, "settle", in_company):
        async with at_work(ledger):
            await until(partial(owes_no_eviction, ledger, GONE))


async def test_a_row_that_a_duplicate_asks_for_meanwhile_owes_nothing_in_the_end(ledger: Ledger) -> None:
    await record(ledger, 1, drivers=(GONE,))
    real, revisions = ledger.settle, list[int]()

    async def overtaken(*arguments: Any, **named: Any) -> object:
        if not revisions:
            revisions.append((await record(ledger, 1)).revision)
        return await real(*arguments, **named)

    with in_place_of(ledger, "settle", overtaken):
        async with at_work(ledger):
            await until(partial(owes_no_eviction, ledger, GONE))
    assert revisions == [2]


async def test_what_an_older_configuration_owes_later_is_struck_out_too(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("PAUSE", "LOOK_EVERY"):
        monkeypatch.setattr(unused_stores, pause, 0.01)
    async with at_work(ledger):
        for number in range(3):
            await record(ledger, number, drivers=(GONE,))
            await until(partial(owes_no_eviction, ledger, GONE))


async def test_what_the_ledger_cannot_take_is_left_to_a_later_look(ledger: Ledger) -> None:
    await record(ledger, 1, drivers=(GONE,))
    worker = worker_of(ledger)

    async def full(*_: object, **__: object) -> None:
        raise LedgerUnavailable("the disk is full")

    with away(ledger):
        found = [await worker.look()]
    with in_place_of(ledger, "settle", full):
        found += [await worker.look()]
    assert not await owes_no_eviction(ledger, GONE)
    found += [await worker.look(), await worker.look()]
    assert await owes_no_eviction(ledger, GONE)
    assert found == [False, False, True, False]


async def test_what_is_owed_to_a_store_of_another_name_is_evicted_before_that(ledger: Ledger) -> None:
    """It may be the same store: its name is changed on one replica after the other."""
    debt, storage = await record(ledger, 1, drivers=(GONE,)), storage_of(*DRIVERS)
    scope, authority = SessionScope(debt.session_id, "A"), storage.authority
    assert isinstance(authority, ScriptedDriver)
    before = await authority.stamp(scope)
    worker = UnusedStores(ledger, storage, Bookkeeping(ledger, Backoff(1)))
    authority.before_evict = is_away
    found = [await worker.look(), await owes_no_eviction(ledger, GONE), await authority.stamp(scope) == before]
    authority.before_evict = None
    found_then = [await worker.look(), await owes_no_eviction(ledger, GONE), await authority.stamp(scope) == before]

    assert (found, found_then) == ([False, False, True], [True, True, False])


async def test_a_store_whose_evictions_were_struck_out_serves_nothing_that_it_held(database: Rewindable) -> None:
    gone = storage_of(GONE).authority_as_configured
    async with replica(database) as ledger:
        await ledger.serve_from(storage_of(*DRIVERS).authority_as_configured)
        async with replica(database) as later:
            await later.serve_from(gone)
            await record(later, 1, drivers=(GONE,))
        assert await worker_of(ledger).look()
        await ledger.track_regained(await ledger.losses())
        async with replica(database) as back:
            await back.serve_from(gone)
            assert back.lost_track


async def test_a_ledger_that_hangs_meanwhile_keeps_nobody_from_distrusting_the_authority(tmp_path: Path) -> None:
    async with served(tmp_path) as server:
        await record(server.parts.ledger, 1, drivers=(GONE,))
    real, has_begun = Bookkeeping.settle, asyncio.Event()

    async def hanging(*arguments: Any, evicted: list[str], **named: Any) -> bool:
        if GONE in evicted:
            has_begun.set()
            await asyncio.Event().wait()
        return await real(*arguments, evicted=evicted, **named)

    with in_place_of(Bookkeeping, "settle", hanging):
        async with served(tmp_path) as server:
            await has_begun.wait()
            ledger, storage = server.parts.ledger, server.parts.storage
            ledger.lost_track = True

            async def is_invalidated() -> bool:
                return not ledger.lost_track and storage.trusted

            await until(is_invalidated)
