"""Housekeeping of a ledger that is open, in short transactions."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from connector.ledger.sql import audit_rows, housekeeping, opening_rows, ticks
from connector.ledger.sql.operations import Operations
from connector.ledger.sql.table import Table
from connector.model.debts import Totals
from connector.model.errors import LedgerUnavailable

log = structlog.get_logger(__name__)

TIDY_EVERY = 15.0
"""Seconds between two rounds of tidying up: so long may an erased credential's old page stay in a write-ahead log."""
SLICE = 200
"""Rows that one transaction of tidying up touches: some milliseconds."""


async def keep_tidy(tidy: Callable[[], Awaitable[None]]) -> None:
    """Tidy up for ever, now and then, whether it works or not."""
    while True:
        await asyncio.sleep(TIDY_EVERY)
        try:
            await tidy()
        except LedgerUnavailable as problem:
            log.warning("the ledger cannot be tidied up for now; it is tried again soon", reason=str(problem))


def warn_of_unreadable(totals: Totals) -> None:
    """Tell a person of rows whose key is missing, if there are any."""
    if totals.unreadable:
        log.warning(
            "debts in the ledger need a key that is not in the keyring; they are kept: put the key back, or dismiss them",
            debts=totals.unreadable,
        )


class Tidying:
    """Keeps the rows of a ledger few, verified, and by the current key."""

    def __init__(self, ledger: Operations, clock: Callable[[], float], *, keep_closed: float, keep_audit: float) -> None:
        """`keep_closed` is how long the row of a closed logout answers duplicates; `keep_audit`, for lines of the audit log."""
        self._ledger = ledger
        self._clock = clock
        self._keep_closed = keep_closed
        self._keep_audit = keep_audit
        self._verified = 0
        """The row that was verified last."""

    async def tidy(self) -> None:
        """Do one round.

        * Rows that have owed nothing for `keep_closed` seconds are removed.
        * Lines of the audit log that are older than `keep_audit` seconds are removed.
        * Rows that were made with an older key are written anew with the current one.
        * Some more rows are verified, because nobody may ask for them.
        """
        transact, now, more = self._ledger.transact, self._clock(), True
        while more:
            more = await transact(lambda table: self._forget_old(table, now))
        more = True
        while more:
            more = await transact(lambda table: housekeeping.renew_keys(table, limit=SLICE))
        await transact(opening_rows.renew_keys)
        await transact(ticks.renew_key)
        self._verified = await transact(lambda table: housekeeping.patrol(table, after=self._verified, limit=SLICE))

    def _forget_old(self, table: Table, now: float) -> bool:
        """Remove some of what is kept for no longer, and say whether there may be more."""
        closed = housekeeping.forget_closed(table, now, keep=self._keep_closed, limit=SLICE)
        return audit_rows.forget_old(table, now, keep=self._keep_audit, limit=SLICE) or closed
