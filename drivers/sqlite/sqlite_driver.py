"""The driver: one writer and one reader on a file that may be deleted or damaged at any time."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field

from drivers.contract import Capabilities, Driver, DriverSettings, Entry, Scope, Sharing, Stamp, Statistics, Usage
from drivers.driver_errors import DriverUnavailable
from drivers.shared import result_of
from drivers.sqlite import statements
from drivers.sqlite.bound import Bound
from drivers.sqlite.cache_schema import open_cache, prove_writable
from drivers.sqlite.freeing import SLICE, purge
from drivers.sqlite.reader import SqliteReader
from drivers.sqlite_file import SqliteFile
from drivers.sqlite_writer import SqliteWriter


class SqliteSettings(DriverSettings):
    """Settings of `[storage.<name>]`."""

    path: Path = Path("var/cache.sqlite3")
    """The cache file, made if it is missing. On a local disk, because SQLite's shared memory does not cross a network."""
    max_bytes: Annotated[int, Field(ge=1_048_576)] = 1_073_741_824
    """Bytes that the file takes at most. If there is no room, the oldest entries make room."""


@dataclass(frozen=True, slots=True)
class _OpenFile:
    """The file as it was found at the path, with its writer and its reader."""

    file: SqliteFile
    writer: SqliteWriter
    reader: SqliteReader
    bound: Bound

    @classmethod
    async def open(cls, path: Path, discard: tuple[int, int] | None, bounded: Callable[[SqliteWriter], Bound]) -> "_OpenFile":
        async with AsyncExitStack() as opened:
            file = SqliteFile(path)
            opened.callback(file.close)
            writer = await SqliteWriter.open(file, partial(open_cache, file, discard))
            opened.push_async_callback(writer.aclose)
            reader = SqliteReader(file)
            opened.pop_all()
            return cls(file, writer, reader, bounded(writer))

    async def aclose(self) -> None:
        await self.bound.aclose()
        self.reader.close()  # before the writer, so that the writer's connection is the last one, which removes the -wal
        await self.writer.aclose()
        self.file.close()


class SqliteDriver(Driver):
    """Writes wait for the disk, reads take microseconds. All instances on one file share it, also in other processes."""

    Settings = SqliteSettings
    capabilities = Capabilities(shared=Sharing.ONE_MACHINE, durable=True)

    def __init__(self, name: str, settings: SqliteSettings, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(name, settings)
        self._path = settings.path.absolute()
        self._max_bytes = settings.max_bytes
        self._clock = clock
        self._closed = False
        self._open_file: _OpenFile | None = None
        self._opening: asyncio.Task[_OpenFile] | None = None

    async def open(self) -> None:
        await self._file()

    async def aclose(self) -> None:
        self._closed = True
        if self._opening is not None:
            await asyncio.wait([self._opening])
        if self._open_file is not None:
            await self._open_file.aclose()

    async def ping(self) -> None:
        file = await self._file()
        await file.writer.submit(prove_writable)
        file.reader.garbage()

    async def stamp(self, scope: Scope) -> Stamp:
        file = await self._file()
        if known := file.reader.name(scope):
            return known
        return await file.writer.submit(partial(statements.mint, scope=scope, now=self._clock()))

    def stamp_at_once(self, scope: Scope) -> Stamp | None:
        file = self._file_in_place()
        return file.reader.name(scope) if file is not None else None

    async def get(self, scope: Scope, key: str) -> Entry | None:
        file = await self._file()
        entry = file.reader.entry(scope, key)
        return entry if entry and entry.expires_at > self._clock() else None

    async def put(self, scope: Scope, key: str, entry: Entry) -> None:
        file = await self._file()
        # Without room, the older copy still has to go, or it would be served.
        kept = entry if file.bound.admits(entry) else None
        await file.writer.submit(partial(statements.copy, scope=scope, key=key, entry=kept, now=self._clock()))

    async def put_if_current(self, scope: Scope, key: str, entry: Entry) -> bool:
        file = await self._file()
        if not file.bound.admits(entry):
            return False
        work = partial(statements.store_if_current, scope=scope, key=key, entry=entry, now=self._clock())
        return await file.writer.submit(work)

    async def delete(self, scope: Scope, key: str) -> None:
        file = await self._file()
        await file.writer.submit(partial(statements.delete, scope=scope, key=key))

    async def evict(self, *scopes: Scope) -> None:
        file = await self._file()
        await file.writer.submit_item(statements.evict, scopes)

    def evict_at_once(self, *scopes: Scope) -> bool:
        """Tell whether no scope has a generation: without a stamp, nothing can be reached, and there is nothing to write."""
        file = self._file_in_place()
        return file is not None and not any(file.reader.has_generation(scope) for scope in scopes)

    def begin_to_evict(self, *scopes: Scope) -> asyncio.Future[None] | None:
        file = self._file_in_place()
        return file.writer.begin(statements.evict, scopes) if file is not None else None

    async def purge(self, limit: int) -> bool:
        file = await self._file()
        for start in range(0, limit, SLICE):
            work = partial(purge, limit=min(SLICE, limit - start), now=self._clock())
            if not await file.writer.submit(work):
                return False
        return True

    async def statistics(self) -> Statistics:
        file = await self._file()
        return Statistics(entries=None, garbage=file.reader.garbage(), bytes=file.reader.room().used)

    async def usage(self, scope: Scope) -> Usage:
        file = await self._file()
        return await file.writer.submit(partial(statements.usage, scope=scope))  # in its thread: it may take milliseconds

    async def _file(self) -> _OpenFile:
        """Return the open file. It is opened anew if it is damaged, or if another file or none lies at the path.

        It is opened once for all who wait, and to the end, even if they give up waiting.
        """
        if file := self._file_in_place():
            return file
        if self._opening is None or self._opening.done():
            # A task of its own, because a caller that is cancelled must not leave the file half open.
            self._opening = asyncio.create_task(self._replace(self._open_file))
        return await result_of(self._opening)

    def _file_in_place(self) -> _OpenFile | None:
        """Return the open file; None if it has to be opened first."""
        if self._closed:
            raise DriverUnavailable(f"{self.name}: closed")
        return self._open_file if self._open_file is not None and self._open_file.file.in_place else None

    def _bounded(self, writer: SqliteWriter) -> Bound:
        return Bound(writer, self._max_bytes, self._clock)

    async def _replace(self, old: _OpenFile | None) -> _OpenFile:
        discard = None
        if old is not None:
            self._open_file = None
            await old.aclose()
            discard = old.file.connected_to if old.file.damaged else None
        self._open_file = await _OpenFile.open(self._path, discard, self._bounded)
        return self._open_file
