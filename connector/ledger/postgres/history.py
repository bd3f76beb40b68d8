"""What a replica remembers of its transactions, to notice if the database has forgotten some: a fail-over may lose commits."""

from typing import NamedTuple

import structlog

from connector.ledger.postgres import epochs
from connector.ledger.postgres.owners import Prologue
from connector.ledger.sql.table import Table

log = structlog.get_logger(__name__)

FORGOTTEN = "INSERT INTO lost_track VALUES ('the database had forgotten commits')"


class Written(NamedTuple):
    """A transaction of this replica."""

    epoch: bytes
    sequence: int
    """The number in the replica's row."""
    began: bool = False
    """Whether it has begun the epoch."""
    was_rewound: bool = False


class History:
    """Sees to it that nothing else happens in a transaction before the database's history is found out."""

    def __init__(self) -> None:
        self.rewinds = 0
        """How often the database had forgotten what it had acknowledged to this replica."""
        self.is_settled = True
        """Whether all replicas have entered the present epoch, as far as the last transaction has seen."""
        self._last: Written | None = None
        """The last transaction that was acknowledged."""
        self._sent: Written | None = None
        """The last one whose COMMIT was sent, if its answer is still to come, or was lost."""
        self._known = set[bytes]()
        """The epochs of acknowledged transactions."""

    def enter(self, table: Table, seen: Prologue) -> bool:
        """Do in a transaction that has just begun what its place in the database's history wants.

        Returns:
            whether the database has forgotten commits of this replica.
        """
        if self._sent is not None and _knows(seen, self._sent):
            self.acknowledged()
        is_rewound = self._is_rewound(seen)
        epoch = seen.epoch
        if epoch.is_over or (is_rewound and epoch.word in self._known):
            epoch = epoch.next()
            epochs.begin(table.connection, epoch)
        if seen.own is None or seen.own.epoch != epoch.word:
            table.connection.execute("UPDATE owners SET epoch = ? WHERE id = ?", (epoch.word, table.term.owner))
        if is_rewound:
            table.connection.execute(FORGOTTEN)
        sequence = seen.owners[table.term.owner].sequence
        self._sent = Written(epoch.word, sequence, began=epoch.word != seen.epoch.word, was_rewound=is_rewound)
        return is_rewound

    def acknowledged(self) -> None:
        """Note that the database has committed the last transaction."""
        done, self._sent = self._sent, None
        if done is None:
            return
        self._last = done
        self._known.add(done.epoch)
        if done.was_rewound:
            self.rewinds += 1
            log.error(
                "the ledger's database has lost commits that it had acknowledged: everything cached is invalidated; "
                "see docs/ledger.md for what a synchronous standby keeps"
            )

    def _is_rewound(self, seen: Prologue) -> bool:
        """Tell whether something is gone that was acknowledged. A row that is gone in the same epoch was taken for gone."""
        last, own = self._last, seen.own
        if last is None:
            return False
        if own is None:
            return seen.epoch.is_over or seen.epoch.word != last.epoch
        return own.epoch != last.epoch or own.sequence < last.sequence


def _knows(seen: Prologue, written: Written) -> bool:
    own = seen.own
    return own is not None and own.epoch == written.epoch and own.sequence >= written.sequence
