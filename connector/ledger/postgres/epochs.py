"""Epochs of the database's history: a new one begins wherever acknowledged commits may have been lost.

A promoted standby may lack the last commits of its primary, and is on another timeline. So whoever sees first that the timeline
is another one begins a new epoch, with a new random word. So does a replica whose own commits are gone on the same timeline.
"""

from secrets import token_bytes
from typing import NamedTuple

from connector.ledger.sql.database import Database
from connector.ledger.sql.table import Table

WORD_BYTES = 16
"""Length of the random word that stands for an epoch."""
LOOK = """SELECT word, timeline, is_settled, left(pg_walfile_name(pg_current_wal_lsn()), 8), EXISTS (SELECT FROM lost_track),
    extract(epoch FROM clock_timestamp())::double precision, pg_backend_pid() FROM epoch"""
"""The present epoch, and what else a transaction looks at. The control file tells the timeline only after a checkpoint."""

SPARE_IDS = 1_000_000
"""More debts than are recorded in the time that a fail-over can lose."""
RANGES = 2**22
"""Of so many ids each. With as many, the ids stay below 2**53 for a thousand fail-overs."""


class LedgerEpoch(NamedTuple):
    """The present epoch, as a transaction sees it."""

    word: bytes
    timeline: str
    """That on which it began."""
    is_settled: bool
    """Whether every replica has written again what it knows, or has been silent for a whole claim."""
    timeline_now: str

    @property
    def is_over(self) -> bool:
        """Whether the database has failed over since: a timeline that comes back is another one, too."""
        return self.timeline != self.timeline_now

    def next(self) -> "LedgerEpoch":
        """Return the epoch that begins now."""
        return LedgerEpoch(token_bytes(WORD_BYTES), self.timeline_now, is_settled=False, timeline_now=self.timeline_now)


def begin(database: Database, epoch: LedgerEpoch) -> None:
    """Write down that an epoch begins. From now on no debt gets an id that a debt may have had which is lost.

    The former primary may come back, and begins an epoch at the id at which the one that is lost then began. The end of a try
    from that one would settle another debt of the new one. So each epoch takes a range at random.
    """
    database.execute("UPDATE epoch SET word = ?, timeline = ?, is_settled = ?", epoch[:3])
    database.execute("SELECT setval('debt_ids', nextval('debt_ids') + ?)", (skipped_ids(),))


def count_on(table: Table, known: int) -> None:
    """Give no id any more up to this one, nor any other that was perhaps given after it where it is from."""
    if known > table.last_id("debts"):
        table.connection.execute("SELECT setval('debt_ids', ?)", (known + skipped_ids(),))


def skipped_ids() -> int:
    """Return how many ids lie before a range that hardly any other epoch takes: one in four million."""
    return SPARE_IDS * (1 + int.from_bytes(token_bytes(4)) % RANGES)


def settle(database: Database) -> None:
    """Write down that the present epoch is settled."""
    database.execute("UPDATE epoch SET is_settled = true")
