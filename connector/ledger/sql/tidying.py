"""Housekeeping of a ledger that is open, in short transactions."""

from collections.abc import Callable
from typing import TypeVar

from connector.ledger.sql import housekeeping, opening_rows
from connector.ledger.sql.operations import Operations

T = TypeVar("T")

SLICE = 200
"""Rows that one transaction of tidying up touches: some milliseconds."""


class Tidying:
    """Keeps the rows of a ledger few, verified, and by the current key."""

    def __init__(self, ledger: Operations, clock: Callable[[], float], *, keep_closed: float) -> None:
        """`keep_closed` is how long the row of a closed logout answers duplicates, in seconds."""
        self._ledger = ledger
        self._clock = clock
        self._keep_closed = keep_closed
        self._verified = 0
        """The row that was verified last."""

    async def tidy(self) -> None:
        """Do one round.

        * Rows that have owed nothing for `keep_closed` seconds are removed.
        * Rows that were made with an older key are written anew with the current one.
        * Some more rows are verified, because nobody may ask for them.
        """
        transact, now, more = self._ledger.transact, self._clock(), True
        while more:
            more = await transact(lambda table: housekeeping.forget_closed(table, now, keep=self._keep_closed, limit=SLICE))
        more = True
        while more:
            more = await transact(lambda table: housekeeping.renew_keys(table, limit=SLICE))
        await transact(opening_rows.renew_keys)
        self._verified = await transact(lambda table: housekeeping.patrol(table, after=self._verified, limit=SLICE))
