"""Replicas that meet in a real store: what each reads of the others, and that a start looks before it tells."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from msgspec.structs import replace

from connector.cache.board import Board
from connector.cache.storage import Storage
from connector.config.settings import StorageDeadlines
from connector.ledger.testing import MemoryLedger, MemoryStore
from connector.model.errors import ConfigurationError
from connector.model.peers import Peer
from connector.workers.other_replicas import Peers
from drivers import EVERYTHING
from tests.drivers.stores import aiocache_driver, fresh_namespace
from tests.servers import RealServer

ME = Peer(b"me", 0, "here:1", "tracker", b"", (b"k1",))
OTHER = replace(ME, nonce=b"other", name="there:2")
LEDGER = b"ledger"
MakeStorage = Callable[..., Awaitable[Storage]]


@pytest.fixture(params=["redis", "memcached"])
def backend(request: pytest.FixtureRequest) -> tuple[str, RealServer]:
    return request.param, request.getfixturevalue(request.param)


@pytest.fixture
async def make_storage(backend: tuple[str, RealServer]) -> AsyncIterator[MakeStorage]:
    """What makes the storage of each replica, open, on one store unless the settings say otherwise."""
    kind, server = backend
    shared = {"namespace": fresh_namespace()}
    async with AsyncExitStack() as stack:

        async def make(**settings: Any) -> Storage:
            storage = Storage([aiocache_driver(server, kind, **(shared | settings))], StorageDeadlines())
            await stack.enter_async_context(storage.opened())
            return storage

        yield make


@asynccontextmanager
async def at_work(peers: Peers) -> AsyncIterator[None]:
    """Let a replica that is in tell of itself all the time."""

    async def tell() -> None:
        while True:
            await peers.look()
            await asyncio.sleep(0.01)

    await peers.look()
    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
        await asyncio.wait([telling])


async def test_a_notice_is_read_by_all_who_share_the_store_until_another_one_is_put_up(make_storage: MakeStorage) -> None:
    one, other = Board(await make_storage()), Board(await make_storage())
    word = await one.word()
    await one.write(b"first", word)
    first = await other.read()
    await other.write(b"second", await other.word())

    assert (first, await one.read(), await other.word()) == (b"first", b"second", word)


async def test_another_namespace_is_another_store(make_storage: MakeStorage) -> None:
    one, other = Board(await make_storage()), Board(await make_storage(namespace=fresh_namespace()))
    await one.write(b"first", await one.word())

    assert await one.word() != await other.word()
    assert await other.read() is None


async def test_a_store_that_has_lost_all_takes_no_notice_under_its_old_word(
    make_storage: MakeStorage,
) -> None:
    storage = await make_storage()
    board = Board(storage)
    before = await board.word()
    await storage.authority.evict(EVERYTHING)
    await board.write(b"late", before)

    assert await board.word() not in {b"", before}
    assert await board.read() is None


async def test_a_store_that_is_away_has_no_word_and_no_notice(make_storage: MakeStorage) -> None:
    storage = await make_storage()
    storage.watch.found(storage.authority, "away")
    board = Board(storage)
    await board.write(b"notice", b"word")

    assert (await board.word(), await board.read()) == (b"", None)


async def test_a_start_that_is_refused_has_told_nobody_of_itself(make_storage: MakeStorage) -> None:
    one = Peers(replace(ME, ledger=LEDGER), await make_storage(), MemoryLedger(MemoryStore()))
    other = Peers(OTHER, await make_storage(), MemoryLedger(MemoryStore()))
    async with at_work(one):
        with pytest.raises(ConfigurationError) as refused:
            await other.meet(b"another ledger")
        await one.look()

    (problem,) = refused.value.problems
    assert problem.startswith("ledger.store: the replica here:1 shares storage.shared, and has another ledger; replicas need one")
    assert (one.strangers, one.misplaced) == ([], False)


async def test_a_start_beside_replicas_that_share_all_waits_for_nothing(make_storage: MakeStorage) -> None:
    store = MemoryStore()
    async with MemoryLedger(store).opened() as first, MemoryLedger(store).opened() as second:
        one = Peers(replace(ME, ledger=LEDGER), await make_storage(), first)
        await one.look()
        other = Peers(OTHER, await make_storage(), second)
        async with asyncio.timeout(5):
            await other.meet(LEDGER)

    assert other.strangers == []


async def test_replicas_that_share_only_the_ledger_are_found_there(make_storage: MakeStorage) -> None:
    store = MemoryStore()
    elsewhere = await make_storage(namespace=fresh_namespace())
    async with MemoryLedger(store).opened() as first, MemoryLedger(store).opened() as second:
        one = Peers(replace(ME, ledger=LEDGER), await make_storage(), first)
        other = Peers(OTHER, elsewhere, second)
        async with at_work(one):
            with pytest.raises(ConfigurationError, match="shares the ledger, and has another store"):
                await other.meet(LEDGER)

    assert not elsewhere.is_parted


async def test_a_ledger_knows_from_the_beginning_that_replicas_have_parted(
    make_storage: MakeStorage,
) -> None:
    store, here, elsewhere = MemoryStore(), await make_storage(), await make_storage(namespace=fresh_namespace())
    async with MemoryLedger(store).opened() as first, MemoryLedger(store).opened() as second, MemoryLedger(store).opened() as new:
        one, other = Peers(replace(ME, ledger=LEDGER), here, first), Peers(replace(OTHER, ledger=LEDGER), elsewhere, second)
        for _ in range(4):
            await one.look()
            await other.look()
        parted, losses = (here.is_parted, elsewhere.is_parted), len(await new.losses())
        await new.track_regained(await new.losses())
        for _ in range(4):
            await one.look()
            await other.look()
        again = len(await new.losses())

    assert (parted, losses, again) == ((True, True), 2, 0)
