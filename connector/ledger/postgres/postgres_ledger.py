"""The ledger in a PostgreSQL database: opened, kept tidy, and closed by each of the replicas that own it together."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import structlog

from connector.ledger.keyring import Keyring
from connector.ledger.postgres.address import Address
from connector.ledger.postgres.database_clock import DatabaseClock
from connector.ledger.postgres.durability import DurabilityWatch, durability
from connector.ledger.postgres.replica import Replica
from connector.ledger.postgres.standstill import Standstill
from connector.ledger.sql import housekeeping, ticks
from connector.ledger.sql.tidying import Tidying, keep_tidy, warn_of_unreadable
from connector.model.errors import ConfigurationError, LedgerUnavailable
from connector.runtime.supervision import supervised

log = structlog.get_logger(__name__)


class PostgresLedger(Replica):
    """What is owed, in one PostgreSQL database that any number of replicas own together."""

    shared = True

    def __init__(
        self,
        address: Address,
        keyring: Keyring,
        *,
        keep_closed: float = 86_400,
        keep_audit: float = 7_776_000,
        clock: Callable[[], float] = time.time,
        standstill: Standstill | None = None,
    ) -> None:
        """`keep_closed` is how long the row of a closed logout answers duplicates; `keep_audit`, for lines of the audit log."""
        self._address = address
        right = DatabaseClock(clock)
        super().__init__(address, keyring, clock=right, standstill=standstill or Standstill())
        self._tidying = Tidying(self, right, keep_closed=keep_closed, keep_audit=keep_audit)
        self._kept = DurabilityWatch(lambda: self.transact(lambda table: durability(table.connection)))

    @property
    def durability(self) -> str:
        """What the database's settings allow to be lost, as they were when they were looked at last."""
        return str(self._kept.found)

    async def open(self) -> None:
        """Connect, and make the tables if they are missing.

        Raises:
            ConfigurationError: the database cannot be used, or its tables are of a newer version.
            RefusedForNow: it cannot be reached, or not be used at the moment.
        """
        try:
            if await self._fleet.open():
                log.info("no ledger was there: a new one is begun")
            await self.transact(ticks.keep)
            self.lost_track = await self.transact(housekeeping.has_lost_track)
            totals = await self.statistics()
            await self._kept.look()
        except ConfigurationError as problem:
            raise type(problem)([f"ledger.dsn_env: {self._address}: {why}" for why in problem.problems]) from problem
        except LedgerUnavailable as problem:
            raise problem.refusal(f"ledger.dsn_env: {self._address}") from problem
        warn_of_unreadable(totals)

    async def aclose(self) -> None:
        """Finish what is being written, free what this replica has claimed, and close. A second call does nothing."""
        self._in_hand.clear()
        await self._fleet.aclose()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["PostgresLedger"]:
        """Keep the ledger open, and tidy, while the context is."""
        try:
            await self.open()
            async with (
                supervised("tidying the ledger", partial(keep_tidy, self.tidy)),
                supervised("looking at what the database keeps", self._kept.run),
            ):
                yield self
        finally:
            await self.aclose()

    async def tidy(self) -> None:
        """Do the housekeeping; `opened` does this by itself."""
        await self._tidying.tidy()
