"""All caches side by side, with the same entries, and the time that each takes to evict some of them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random

from bench.measure import Sample, timed
from bench.question import must
from bench.stores.bare import BareRedis, BareSqlite
from bench.stores.local_peers import (
    AiocacheMemory,
    CashewsByMatch,
    CashewsByTag,
    Diskcache,
    FastapiCacheMemory,
    LitestarMemory,
    NestedDict,
)
from bench.stores.own import OwnRedis, OwnSqlite, own_memory
from bench.stores.redis_peers import AiocacheRedis, FastapiCacheRedis, LitestarRedis
from bench.stores.store import Place, Store
from drivers import SessionScope
from tests.servers import redis_server

VALUE = bytes(range(100))


@dataclass(frozen=True, slots=True)
class Contest:
    """The caches that take part."""

    stores: Sequence[Store]
    bare: Mapping[Place, BareRedis | BareSqlite]

    def places(self) -> dict[str, Place]:
        """Return where each keeps its entries."""
        return {store.name: store.place for store in self.stores} | {each.name: place for place, each in self.bare.items()}

    def bare_samples(self) -> dict[str, Sample]:
        """Return the contenders that measure the machine itself."""
        return {each.name: partial(_once, each) for each in self.bare.values()}


@asynccontextmanager
async def contest(folder: Path, *, tag_systems: bool = False) -> AsyncIterator[Contest]:
    """Start a Redis server, and open everything: empty."""
    async with AsyncExitStack() as stack:
        port = stack.enter_context(redis_server()).port
        stores = _stores(folder, port, tag_systems=tag_systems)
        bare: dict[Place, BareRedis | BareSqlite] = {Place.REDIS: BareRedis(port), Place.SQLITE: BareSqlite(folder)}
        for each in (*stores, *bare.values()):
            stack.push_async_callback(each.aclose)
        for store in stores:
            await store.open()
        yield Contest(stores, bare)


def _stores(folder: Path, port: int, *, tag_systems: bool) -> list[Store]:
    return [
        own_memory(),
        OwnSqlite(folder),
        OwnRedis(port),
        NestedDict(),
        AiocacheMemory(),
        CashewsByMatch(),
        CashewsByTag(tag_systems=tag_systems),
        LitestarMemory(),
        FastapiCacheMemory(),
        Diskcache(folder, tag_systems=tag_systems),
        AiocacheRedis(port, 1),
        CashewsByMatch(f"redis://127.0.0.1:{port}/2"),
        CashewsByTag(f"redis://127.0.0.1:{port}/3", tag_systems=tag_systems),
        LitestarRedis(port, 4),
        FastapiCacheRedis(port, 5),
    ]


async def _once(bare: BareRedis | BareSqlite) -> float:
    return await timed(bare.once())


def entries(many: int) -> dict[str, bytes]:
    """Return the entries of each session."""
    return {f"key-{number}": VALUE for number in range(many)}


def sessions(many: int, system: str) -> list[SessionScope]:
    """Return sessions of a system. Their ids have the same length, because many peers take along keys with the same beginning."""
    return [SessionScope(f"{system}-session-{number:08}", system) for number in range(many)]


def losing_a_session(store: Store, among: Sequence[SessionScope], held: Mapping[str, bytes]) -> Sample:
    """Return the function that measures the eviction of a session, in random order, and fills the session again."""
    turns = cycle(Random(1).sample(among, len(among)))  # noqa: S311 - no secret

    async def sample() -> float:
        session = next(turns)
        taken = await timed(store.evict(session))
        await _must_be_gone(store, session, held)
        await store.tidy()
        await store.fill(session, held)
        await must_hold(store, session, held)
        return taken

    return sample


def losing_a_system(store: Store, systems: Mapping[str, Sequence[SessionScope]], held: Mapping[str, bytes]) -> Sample:
    """Return the function that measures the eviction of a system: another one each time, until none is left."""
    turns = iter(systems.items())

    async def sample() -> float:
        system, lost = next(turns)
        await must_hold(store, lost[-1], held)
        taken = await timed(store.evict_system(system))
        for session in (lost[0], lost[-1]):
            await _must_be_gone(store, session, held)
        await store.tidy()
        return taken

    return sample


async def must_hold(store: Store, session: SessionScope, held: Mapping[str, bytes]) -> None:
    """Raise unless the session's first entry is there."""
    key, value = next(iter(held.items()))
    must(await store.read(session, key) == value, f"{store.name} holds what it was given")


async def _must_be_gone(store: Store, session: SessionScope, held: Mapping[str, bytes]) -> None:
    must(await store.read(session, next(iter(held))) is None, f"{store.name} has evicted what it should")
