"""The machine itself: one round trip, and one committed row."""

import sqlite3
from pathlib import Path

from redis.asyncio import Redis


class BareRedis:
    """A client that only pings the server."""

    name = "one bare round trip to Redis"

    def __init__(self, port: int) -> None:
        self._client = Redis(port=port)

    async def once(self) -> None:
        """Make a round trip."""
        await self._client.ping()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()


class BareSqlite:
    """A file with one table, written as durably as the driver's, on the event loop's own thread."""

    name = "one bare committed row in SQLite"

    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "bare.sqlite3", isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, value BLOB)")

    async def once(self) -> None:
        """Commit a row."""
        self._connection.execute("INSERT INTO rows (value) VALUES (?)", (bytes(100),))

    async def aclose(self) -> None:
        """Close the file."""
        self._connection.close()
