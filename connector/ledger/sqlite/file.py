"""The ledger's file while a process owns it: its lock, its writer, and the room that is kept back for it."""

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from secrets import token_bytes

import structlog

from connector.ledger.keyring import Keyring
from connector.ledger.sql.table import Term
from connector.ledger.sqlite.lock import Lock
from connector.ledger.sqlite.opening import claim_folder, make_ready, refusals
from connector.ledger.sqlite.reserve import Reserve
from connector.ledger.sqlite.writing import LedgerWriter
from connector.model.debts import Debt
from connector.model.errors import LedgerUnavailable
from drivers import DriverError
from drivers.threads import in_a_thread

log = structlog.get_logger(__name__)

OWNER_BYTES = 16
"""Length of the random word that stands for an owner."""


class LedgerFile(LedgerWriter):
    """From `open` to `aclose`, the owner of the file. What SQLite cannot do for now is `LedgerUnavailable`."""

    def __init__(self, path: Path, keyring: Keyring, quarantined: Callable[[Debt], None]) -> None:
        super().__init__(path, keyring, quarantined)
        self._lock = Lock(self._path)
        self._reserve = Reserve(self._path.with_name(f"{self._path.name}.reserve"))

    async def open(self, *, now: float) -> None:
        """Take the lock, make the file ready and begin to write. Raises `ConfigurationError`."""
        self.term = Term(token_bytes(OWNER_BYTES))
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
                log.warning(
                    "the ledger's reserve cannot be made: no cleanup is recorded until it is; free some space", reason=reason
                )

    def _take(self, now: float) -> None:
        claim_folder(self._path)
        self._lock.acquire()
        try:
            make_ready(self._path, self._keyring, now=now)
        except sqlite3.Error:
            self._reserve.give_up()  # on a full disk even opening may need room
            make_ready(self._path, self._keyring, now=now)
        self._identity = self._file.identity

    async def _empty_log(self) -> None:
        try:
            if self._writer is not None:
                await self._writer.checkpoint()
        except DriverError as problem:
            log.warning("the ledger's write-ahead log could not be emptied; it is tried again soon", reason=str(problem))
