"""The ledger's file while a process owns it: its lock, its writer, the reserve, and what to do when writing fails."""

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog

from connector.ledger.keyring import Keyring
from connector.ledger.sqlite.lock import Lock
from connector.ledger.sqlite.opening import claim_folder, make_ready, refusals
from connector.ledger.sqlite.reserve import Reserve
from connector.ledger.sqlite.table import Table
from connector.model.debts import Debt
from connector.model.errors import LedgerUnavailable
from drivers import DriverError
from drivers.sqlite_file import FullDisk, SqliteFile
from drivers.sqlite_lock import Busy
from drivers.sqlite_writer import SqliteWriter
from drivers.threads import in_a_thread

Item = TypeVar("Item")
T = TypeVar("T")
log = structlog.get_logger(__name__)

SETTINGS = """
PRAGMA busy_timeout = 250;  -- for a person who looks at the file with other tools; nobody else opens it
PRAGMA synchronous = FULL;  -- what was acknowledged survives a power cut
PRAGMA fullfsync = ON;  -- on macOS, too
PRAGMA checkpoint_fullfsync = ON;
PRAGMA secure_delete = ON;  -- an erased credential is overwritten
PRAGMA temp_store = MEMORY;
PRAGMA cell_size_check = ON;
PRAGMA trusted_schema = OFF;
"""

PAUSE = 1.0
"""Seconds between two tries to mend what is broken, so that it is not tried for every request."""


class LedgerFile:
    """From `open` to `aclose`, the one writer of the file. What SQLite cannot do for now is `LedgerUnavailable`."""

    def __init__(self, path: Path, keyring: Keyring, quarantined: Callable[[Debt], None]) -> None:
        """`quarantined` is told of each row that a transaction has put in quarantine."""
        self._path = path.resolve()
        self._keyring = keyring
        self._quarantined = quarantined
        self._file = SqliteFile(self._path)
        self._lock = Lock(self._path)
        self._reserve = Reserve(self._path.with_name(f"{self._path.name}.reserve"))
        self._writer: SqliteWriter | None = None
        self._identity: tuple[int, int] | None = None
        self._mending = asyncio.Lock()
        self._mend_after = 0.0
        self._broken = False

    async def open(self, *, now: float) -> None:
        """Take the lock, make the file ready and begin to write. Raises `ConfigurationError`."""
        with refusals(self._path):
            await in_a_thread("opening the ledger", partial(self._take, now))
        self._writer = await self._opened_writer()
        await self.tidy()

    async def aclose(self) -> None:
        """Commit what waits, empty the write-ahead log, and let go of the lock. A second call does nothing."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.aclose()
        self._file.close()
        self._lock.release()

    def together(self, do: Callable[[Table, Sequence[Item]], Sequence[T]]) -> Callable[[Item], Awaitable[T]]:
        """Return what has `do` run with an item, and all others that wait, and returns its outcome once that is durable.

        It raises `LedgerUnavailable`.
        """

        def with_table(connection: sqlite3.Connection, items: Sequence[Item]) -> list[tuple[T, list[Debt]]]:
            self._must_be_ours()
            table = Table(connection, self._keyring)
            outcomes = do(table, items)
            return [*zip(outcomes, [table.quarantined, *[[]] * (len(outcomes) - 1)], strict=True)]

        async def submit(item: Item) -> T:
            writer = await self._sound_writer()
            try:
                outcome, quarantined = await writer.submit_item(with_table, item)
            except DriverError as problem:
                self._broken |= not isinstance(problem, FullDisk | Busy)
                raise LedgerUnavailable(str(problem)) from problem
            for debt in quarantined:
                self._quarantined(debt)
            return outcome

        return submit

    async def keep_reserve(self) -> None:
        """Have the reserve made again if it was given up. Raises `LedgerUnavailable` as long as there is no room for it."""
        if self._reserve.is_kept:
            return
        async with self._mending:
            if self._may_mend() and await in_a_thread("making the ledger's reserve", self._reserve.make):
                return
        if not self._reserve.is_kept:
            raise LedgerUnavailable(f"{self._path}: {self._reserve.why_not}")

    async def relieve(self) -> None:
        """Give up the reserve, and free what the write-ahead log takes up."""
        if self._writer is not None:
            await in_a_thread("giving up the ledger's reserve", self._reserve.give_up)
            await self._empty_log()

    async def tidy(self) -> None:
        """Empty the write-ahead log, and keep the reserve if there is room for it."""
        await self._empty_log()
        async with self._mending:
            if not await in_a_thread("making the ledger's reserve", self._reserve.make):
                reason = f"{self._path}: {self._reserve.why_not}"
                log.warning("the ledger's reserve cannot be made: no cleanup can be recorded until it is there", reason=reason)

    def _take(self, now: float) -> None:
        claim_folder(self._path)
        self._lock.acquire()
        try:
            make_ready(self._path, self._keyring, now=now)
        except sqlite3.Error:
            self._reserve.give_up()  # on a full disk even opening may need room
            make_ready(self._path, self._keyring, now=now)
        self._identity = self._file.identity

    async def _sound_writer(self) -> SqliteWriter:
        if self._broken:
            self._must_be_ours()
            await self._reopen()
        if self._writer is None:
            raise LedgerUnavailable(f"{self._path}: closed")
        return self._writer

    def _must_be_ours(self) -> None:
        if self._file.identity != self._identity:
            raise LedgerUnavailable(f"{self._path}: the file was removed or replaced while in use; restart the server")

    async def _reopen(self) -> None:
        """Begin anew on another connection: one that met an I/O error may never work again. The old one is closed after that."""
        async with self._mending:
            if not self._broken or self._writer is None or not self._may_mend():
                return
            old, self._writer = self._writer, await self._opened_writer()
            self._broken = False
            await old.aclose()

    def _may_mend(self) -> bool:
        now = time.monotonic()
        if now < self._mend_after:
            return False
        self._mend_after = now + PAUSE
        return True

    async def _opened_writer(self) -> SqliteWriter:
        try:
            return await SqliteWriter.open(self._file, self._connect)
        except DriverError as problem:
            raise LedgerUnavailable(str(problem)) from problem

    def _connect(self) -> sqlite3.Connection:
        with self._file.explained():
            connection = self._file.connect()
            connection.executescript(SETTINGS)
            return connection

    async def _empty_log(self) -> None:
        try:
            if self._writer is not None:
                await self._writer.checkpoint()
        except DriverError as problem:
            log.warning("the ledger's write-ahead log could not be emptied for now", reason=str(problem))
