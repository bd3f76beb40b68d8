"""This project's drivers."""

import asyncio
import time
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from redis.asyncio import Redis

from bench.question import OURS
from bench.stores.store import LIFE, Place, Store
from drivers import Driver, Entry, SessionScope, Stamp, SystemScope, generations
from drivers.aiocached import AiocacheDriver, AiocacheSettings
from drivers.memory import MemoryDriver, MemorySettings
from drivers.sqlite import SqliteDriver, SqliteSettings

SLICE = 1_000
NAMESPACE = "bench"


class OwnStore(Store):
    """Any driver, as the authority."""

    def __init__(self, place: Place, driver: Driver) -> None:
        self.name = f"{OURS}, {place}"
        self.place = place
        self._driver = driver

    async def open(self) -> None:
        await self._driver.open()

    async def aclose(self) -> None:
        await self._driver.aclose()

    async def fill(self, session: SessionScope, entries: Mapping[str, bytes]) -> None:
        stamp = await self._driver.stamp(session)
        for key, value in entries.items():
            await self._driver.put_if_current(session, key, Entry(value, stamp, time.time() + LIFE))

    async def read(self, session: SessionScope, key: str) -> bytes | None:
        stamp, entry = await self._driver.stamp(session), await self._driver.get(session, key)
        return entry.value if entry and entry.stamp == stamp else None

    async def evict(self, session: SessionScope) -> None:
        await self._driver.evict(session)

    async def evict_system(self, system: str) -> None:
        await self._driver.evict(SystemScope(system))

    async def tidy(self) -> None:
        while await self._driver.purge(SLICE):
            pass


def own_memory() -> Store:
    """Return the memory driver, with room for everything."""
    return OwnStore(Place.MEMORY, MemoryDriver("memory", MemorySettings(max_entries=10**8, max_bytes=10**12)))


class OwnSqlite(OwnStore):
    """The SQLite driver, which commits in one transaction what comes together."""

    def __init__(self, folder: Path) -> None:
        super().__init__(Place.SQLITE, SqliteDriver("sqlite", SqliteSettings(path=folder / "own.sqlite3")))

    async def fill(self, session: SessionScope, entries: Mapping[str, bytes]) -> None:
        stamp = await self._driver.stamp(session)
        async with asyncio.TaskGroup() as putting:
            for key, value in entries.items():
                putting.create_task(self._driver.put_if_current(session, key, Entry(value, stamp, time.time() + LIFE)))


class OwnRedis(OwnStore):
    """The Redis driver; filled by copies, because that is faster.

    One session is filled by the driver for all that have the same keys, and its bucket is copied to each of theirs; the driver
    puts their first entry itself. So all is as if it had put every entry, save the stamps that the others carry: read the first.
    """

    def __init__(self, port: int) -> None:
        settings = AiocacheSettings(backend="redis", port=port, database=0, namespace=NAMESPACE)
        super().__init__(Place.REDIS, AiocacheDriver("redis", settings))
        self._client = Redis(port=port, db=0)
        self._originals: dict[frozenset[str], asyncio.Task[Stamp]] = {}

    async def aclose(self) -> None:
        await self._client.aclose()
        await super().aclose()

    async def fill(self, session: SessionScope, entries: Mapping[str, bytes]) -> None:
        if len(entries) > 1:
            kind = frozenset(entries)
            if kind not in self._originals:
                self._originals[kind] = asyncio.create_task(self._original(entries))
            await self._copy(await self._originals[kind], await self._driver.stamp(session))
        await super().fill(session, dict(islice(entries.items(), 1)))

    async def _original(self, entries: Mapping[str, bytes]) -> Stamp:
        session = SessionScope(f"the original of {len(entries)}")
        await super().fill(session, entries)
        return await self._driver.stamp(session)

    async def _copy(self, original: Stamp, copy: Stamp) -> None:
        async with self._client.pipeline(transaction=False) as pipe:
            for part in ("b", "x"):
                pipe.copy(_bucket(part, original), _bucket(part, copy), replace=True)
            await pipe.execute()


def _bucket(part: str, stamp: Stamp) -> str:
    """Return a key of `drivers.aiocached.lua`."""
    tokens = [stamp[start : start + generations.BYTES].hex() for start in range(0, len(stamp), generations.BYTES)]
    return f"{{{NAMESPACE}}}:{part}:{'.'.join(tokens)}"
