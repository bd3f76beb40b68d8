"""The ledger in one SQLite file: opened, kept tidy, and closed by the one process that owns it."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

from connector.ledger.keyring import Keyring
from connector.ledger.sql import housekeeping, ticks
from connector.ledger.sql.tidying import SLICE, Tidying, keep_tidy, warn_of_unreadable
from connector.ledger.sqlite.sole_owner import SoleOwner
from connector.model.errors import LedgerUnavailable
from connector.runtime.supervision import supervised


class SqliteLedger(SoleOwner):
    """What is owed, in one SQLite file that one process owns."""

    def __init__(
        self,
        path: Path,
        keyring: Keyring,
        *,
        grace: float,
        keep_closed: float = 86_400,
        keep_audit: float = 7_776_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`grace` is the time that a cleanup has for its own try; `keep_closed`, how long its row answers duplicates.

        `keep_audit` is how long a line of the audit log is kept. All are seconds.
        """
        super().__init__(path, keyring, grace=grace, clock=clock)
        self._tidying = Tidying(self, clock, keep_closed=keep_closed, keep_audit=keep_audit)
        self._left_in_hand: dict[int, int] = {}
        """Debts that the last process was trying when it ended, and their revisions."""

    async def open(self) -> None:
        """Make the file ready and take hold of it.

        Raises:
            ConfigurationError: it is somebody else's, read-only, of a newer version, no ledger at all.
            RefusedForNow: another process owns it, or there is no room.
        """
        try:
            await self._file.open(now=self._clock())
            self._file.term = replace(self._file.term, tick=await self.transact(ticks.read))
            self.lost_track = await self.transact(housekeeping.has_lost_track)
            totals = await self.statistics()
            self._left_in_hand = await self.transact(partial(housekeeping.in_hand, now=self._clock()))
        except LedgerUnavailable as problem:
            raise problem.refusal("ledger.path") from problem
        warn_of_unreadable(totals)

    async def aclose(self) -> None:
        """Finish what is being written and release everything. A second call does nothing."""
        self._claims.clear()
        await self._file.aclose()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["SqliteLedger"]:
        """Keep the ledger open, and tidy, while the context is."""
        try:
            await self.open()
            async with supervised("tidying the ledger", self._keep_tidy):
                yield self
        finally:
            await self.aclose()

    async def let_go(self) -> None:
        """Make due at once what the last process was trying, because at a start nobody tries anything; `opened` does this."""
        now = self._clock()
        while slice_ := dict(islice(self._left_in_hand.items(), SLICE)):
            await self.transact(partial(housekeeping.let_go, revisions=slice_, now=now))
            for id_ in slice_:
                self._left_in_hand.pop(id_, None)

    async def tidy(self) -> None:
        """Do the housekeeping, and empty the write-ahead log, so that no erased credential stays in it.

        `opened` does this by itself.
        """
        await self.let_go()
        await self._tidying.tidy()
        await self._file.tidy()

    async def _keep_tidy(self) -> None:
        with suppress(LedgerUnavailable):  # `tidy` tries it again
            await self.let_go()
        await keep_tidy(self.tidy)
