"""Caches with one large session, which is evicted."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from aiocache import SimpleMemoryCache
from redis.asyncio import Redis

from bench.question import OURS
from bench.stores.store import LIFE
from connector.cache.storage import Storage
from connector.config.settings import StorageDeadlines
from drivers import Entry, SessionScope
from drivers.memory import MemoryDriver, MemorySettings
from tests.servers import redis_server

OWN, DICTIONARY = f"{OURS}, memory", "dict, pop"
SESSION = SessionScope("session", "system")
CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class LargeSession:
    """A filled session, how to evict it, and how to see that nothing of it is left."""

    evict: Callable[[], Awaitable[object]]
    gone: Callable[[], Awaitable[bool]]


def _items(entries: int, start: int = 0) -> list[tuple[str, bytes]]:
    return [(f"key-{number}", number.to_bytes(100, "big")) for number in range(start, start + entries)]


@asynccontextmanager
async def _own(entries: int) -> AsyncIterator[LargeSession]:
    """Serve it as the server does, which frees in the background what was evicted."""
    driver = MemoryDriver("memory", MemorySettings(max_entries=10**8, max_bytes=10**12))
    storage = Storage([driver], StorageDeadlines())

    async def gone() -> bool:
        left = await driver.statistics()
        return not left.entries and not left.garbage

    async with storage.opened():
        stamp = await driver.stamp(SESSION)
        for start in range(0, entries, CHUNK):
            for key, value in _items(CHUNK, start):
                await driver.put_if_current(SESSION, key, Entry(value, stamp, time.time() + LIFE))
            await asyncio.sleep(0)
        yield LargeSession(lambda: storage.evict(driver, [SESSION]), gone)


@asynccontextmanager
async def _dictionary(entries: int) -> AsyncIterator[LargeSession]:
    sessions = {"session": {key: (value, time.time() + LIFE, b"stamp") for key, value in _items(entries)}}

    async def evict() -> None:
        sessions.pop("session")

    async def gone() -> bool:
        return not sessions

    yield LargeSession(evict, gone)


@asynccontextmanager
async def _aiocache(entries: int) -> AsyncIterator[LargeSession]:
    cache = SimpleMemoryCache(timeout=None)
    for start in range(0, entries, CHUNK):
        await cache.multi_set(_items(CHUNK, start), ttl=LIFE, namespace="session:")

    async def gone() -> bool:
        return not await cache.exists("key-0", namespace="session:")

    yield LargeSession(lambda: cache.clear(namespace="session:"), gone)


@asynccontextmanager
async def _sqlite(entries: int) -> AsyncIterator[LargeSession]:
    with TemporaryDirectory() as folder, closing(_table(Path(folder), entries)) as connection:

        def delete() -> None:
            connection.execute("DELETE FROM entries WHERE session = 'session'")

        async def gone() -> bool:
            return connection.execute("SELECT 1 FROM entries").fetchone() is None

        yield LargeSession(lambda: asyncio.to_thread(delete), gone)


def _table(folder: Path, entries: int) -> sqlite3.Connection:
    connection = sqlite3.connect(folder / "table.sqlite3", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE entries (session TEXT, key TEXT, value BLOB, PRIMARY KEY (session, key)) WITHOUT ROWID")
    connection.execute("BEGIN")
    connection.executemany("INSERT INTO entries VALUES ('session', ?, ?)", _items(entries))
    connection.execute("COMMIT")
    return connection


@asynccontextmanager
async def _redis(entries: int) -> AsyncIterator[LargeSession]:
    with redis_server() as server:
        client = Redis(port=server.port)
        try:
            for start in range(0, entries, CHUNK):
                await client.hset("session", mapping=dict(_items(CHUNK, start)))

            async def gone() -> bool:
                return not await client.exists("session")

            yield LargeSession(lambda: client.unlink("session"), gone)
        finally:
            await client.aclose()


LARGE: Mapping[str, Callable[[int], AbstractAsyncContextManager[LargeSession]]] = {
    OWN: _own,
    DICTIONARY: _dictionary,
    "aiocache memory, clear(namespace)": _aiocache,
    "SQLite DELETE, in a thread": _sqlite,
    "Redis UNLINK": _redis,
}
"""Fills a cache with one session of so many entries, a multiple of ten thousand."""
