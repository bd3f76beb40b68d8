"""Writing to the ledger's file: transactions that are made for many at once, and another connection once one is broken."""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from connector.ledger.keyring import Keyring
from connector.ledger.sql.table import Table, Term
from connector.ledger.sqlite.file_table import FileTable
from connector.model.debts import Debt
from connector.model.errors import LedgerUnavailable
from connector.runtime.file_access import followed
from drivers import DriverError
from drivers.sqlite_file import FullDisk, SqliteFile
from drivers.sqlite_lock import Busy
from drivers.sqlite_writer import SqliteWriter

Item = TypeVar("Item")
T = TypeVar("T")

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


class LedgerWriter:
    """The one writer of the file, once `_writer` and `_identity` are set, as long as the file is the one that it was then."""

    def __init__(self, path: Path, keyring: Keyring, quarantined: Callable[[Debt], None]) -> None:
        """`quarantined` is told of each row that a transaction has put in quarantine."""
        self._path = followed(path)
        self._keyring = keyring
        self.term = Term()
        """That of the transactions to come."""
        self._quarantined = quarantined
        self._untold: deque[Debt] = deque()
        """Rows in quarantine that nobody was told of. Whoever comes back next tells: the caller of that work may have gone."""
        self._file = SqliteFile(self._path)
        self._writer: SqliteWriter | None = None
        self._identity: tuple[int, int] | None = None
        self._mending = asyncio.Lock()
        self._mend_after = 0.0
        self._broken = False

    def together(self, do: Callable[[Table, Sequence[Item]], Sequence[T]]) -> Callable[[Item], Awaitable[T]]:
        """Return a function that runs `do` with an item, together with all others that wait.

        It returns the item's outcome once that is durable, or raises `LedgerUnavailable`.
        """

        def with_table(connection: sqlite3.Connection, items: Sequence[Item]) -> Sequence[T]:
            self._must_be_ours()
            table = FileTable(connection, self._keyring, term=self.term)
            outcomes = do(table, items)
            self._untold.extend(table.quarantined)
            return outcomes

        async def submit(item: Item) -> T:
            writer = await self._sound_writer()
            try:
                return await writer.submit_item(with_table, item)
            except DriverError as problem:
                self._broken |= not isinstance(problem, FullDisk | Busy)
                raise LedgerUnavailable(str(problem)) from problem
            finally:
                while self._untold:
                    self._quarantined(self._untold.popleft())

        return submit

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
        """Begin anew on another connection, because one that met an I/O error may never work again. Then close the old one."""
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
