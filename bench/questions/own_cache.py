"""This project's cache as a connector's author has it, over drivers of a question's choice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from connector.cache import Cache, Caches, Entries, Loads
from connector.cache.storage import Storage
from connector.config.settings import StorageDeadlines
from drivers import Driver, SessionScope
from drivers.aiocached import AiocacheDriver, AiocacheSettings
from drivers.memory import MemoryDriver, MemorySettings
from drivers.sqlite import SqliteDriver, SqliteSettings

SESSION = SessionScope("00000000-0000-4000-8000-000000000000", "system")


@asynccontextmanager
async def cache_over(*authority: Driver) -> AsyncIterator[Cache]:
    """Give `session.cache` over memory before an authority, or over memory alone, as the server gives it to a handler."""
    storage = Storage([MemoryDriver("memory", MemorySettings()), *authority], StorageDeadlines())
    async with storage.opened():
        yield await Caches(Entries(storage), Loads()).of(SESSION)


def sqlite(folder: Path) -> Driver:
    """Return the driver of a file in this folder."""
    return SqliteDriver("sqlite", SqliteSettings(path=folder / "cache.sqlite3"))


def redis(port: int) -> Driver:
    """Return the driver of a server on this port."""
    return AiocacheDriver("redis", AiocacheSettings(backend="redis", port=port))
