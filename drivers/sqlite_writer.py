"""The only task that writes to a SQLite file. Concurrent writers share a transaction, and so a flush to disk."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, TypeVar, cast

import aiosqlite
import structlog

from drivers.cancellation import cancelled_only_if_asked
from drivers.driver_errors import DriverError
from drivers.group_commit import GroupCommit, Job, do_together, one_by_one
from drivers.shared import result_of
from drivers.sqlite_file import SqliteFile
from drivers.threads import in_a_thread

Item = TypeVar("Item")
T = TypeVar("T")
log = structlog.get_logger(__name__)


class _Thread(aiosqlite.Connection):
    """aiosqlite's connection, with a way to run a function on its thread.

    A transaction has to run there as a whole, because each hop in between could be cancelled half-way. aiosqlite has no public
    way for it: `_execute` and `_conn` are protected. So the requirement is `aiosqlite<0.23`.
    """

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        execute = cast("Callable[..., Any]", self._execute)
        return cast("T", await execute(function, self._conn))

    async def ended(self) -> None:
        """Wait for the thread. After a failed connect, aiosqlite does not, and the thread could call a closed event loop."""
        await in_a_thread("the end of a connection", self._thread.join)


Together = Callable[[sqlite3.Connection, Sequence[Item]], Sequence[T]]
"""Does work for neighbouring items of one transaction, and returns an outcome for each."""


class SqliteWriter:
    """Runs works, which are functions of a connection, many of them in one transaction."""

    def __init__(self, file: SqliteFile, thread: _Thread) -> None:
        self._file = file
        self._thread = thread
        self._closing: asyncio.Task[None] | None = None
        self._group = GroupCommit(str(file.path), self._commit, self._explained)

    @classmethod
    async def open(cls, file: SqliteFile, connect: Callable[[], sqlite3.Connection]) -> "SqliteWriter":
        """Begin with the connection that `connect` makes. It runs in the writer's thread, where it may block."""
        thread = _Thread(connect, iter_chunk_size=64)
        try:
            await thread
        except BaseException:
            await thread.ended()
            raise
        return cls(file, thread)

    async def submit(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction, and return its result once that is committed durably. The caller sets a deadline.

        `work` runs in another thread, in one transaction with others. If one of them fails, each runs once more in a transaction
        of its own, so that an error reaches its own caller only. The work of a cancelled caller is committed all the same.

        Raises:
            DriverError: when it was not committed.
        """
        return await self.submit_item(one_by_one, work)

    async def submit_item(self, do: Together[Item, T], item: Item) -> T:
        """Run `do` with this item and its neighbours for the same `do`, and return the item's outcome, as `submit` does.

        So one statement serves many items. For each statement, SQLite and the event loop pass Python's lock back and forth, which
        costs more than most statements do. Items and works take effect in the order in which they were submitted.
        """
        return await self._group.submit_item(do, item)

    def begin(self, do: Together[Item, T], item: Item) -> asyncio.Future[T]:
        """Begin what `submit_item` does, and return the future of its end."""
        return self._group.begin(do, item)

    async def checkpoint(self) -> bool:
        """Move the write-ahead log into the file, and truncate it unless a reader still needs it.

        Returns whether it was truncated. It runs between two transactions. Raises `DriverError`.
        """
        self._group.must_be_open()
        return await self._thread.run(partial(_checkpoint, self._file))

    async def aclose(self) -> None:
        """Commit what waits, then close. A second call waits for the same end, and a cancelled caller does not stop it."""
        self._group.stop()
        self._closing = self._closing or asyncio.create_task(self._close())
        await result_of(self._closing)

    async def _commit(self, batch: Sequence[Job[Any, Any]]) -> None:
        await self._thread.run(partial(_commit, self._file, batch))

    def _explained(self, problem: Exception) -> Exception:
        return self._file.explanation(problem) if isinstance(problem, sqlite3.Error | UnicodeDecodeError) else problem

    async def _close(self) -> None:
        try:
            await self._group.finish()
            await self._thread.run(partial(_checkpoint_and_close, self._file))
        except DriverError as problem:
            log.warning("the file was not tidied up at the end; nothing is lost", path=str(self._file.path), reason=str(problem))
        finally:
            ended = self._thread.stop()  # or its thread would keep the interpreter from exiting
            if ended is not None:
                await ended


def _commit(file: SqliteFile, batch: Sequence[Job[Any, Any]], connection: sqlite3.Connection) -> None:
    with file.explained(), file.locked():
        if not _committed(batch, connection) and len(batch) > 1:
            log.debug("a transaction failed, trying its parts one by one", path=str(file.path), reason=str(batch[0].outcome))
            for job in batch:
                _committed([job], connection)


def _committed(batch: Sequence[Job[Any, Any]], connection: sqlite3.Connection) -> bool:
    """Do the batch in one transaction, and tell whether it was committed. If not, the error is everybody's outcome."""
    try:
        with cancelled_only_if_asked, transaction(connection):
            do_together(batch, connection)
    except Exception as problem:  # noqa: BLE001 - the boundary of a transaction: its callers get to see it
        for job in batch:
            job.outcome = problem
        return False
    return True


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit at the end, or roll back after any failure. The file's lock must be held."""
    # IMMEDIATE takes the write lock now: a transaction that reads first could fail at its first write.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        # A full disk or an I/O error may have rolled back by itself.
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _checkpoint(file: SqliteFile, connection: sqlite3.Connection) -> bool:
    with file.explained(), file.locked():
        # TRUNCATE, because erased credentials must not stay in the log.
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy


def _checkpoint_and_close(file: SqliteFile, connection: sqlite3.Connection) -> None:
    with file.explained(), file.locked(), closing(connection):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
