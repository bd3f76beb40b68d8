"""What a replica remembers of its transactions, to notice and mend what a fail-over of the database has lost."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from secrets import token_hex
from typing import NamedTuple

import structlog

from connector.ledger.postgres import epochs
from connector.ledger.postgres.dialect import FleetTable
from connector.ledger.postgres.epochs import LedgerEpoch
from connector.ledger.postgres.journal import Journal, KnownUpTo
from connector.ledger.postgres.known_facts import KnownFacts
from connector.ledger.postgres.owners import Prologue
from connector.ledger.postgres.rewriting import remove_again, write_again
from connector.ledger.sql.facts import Fact
from connector.ledger.sql.housekeeping import lose_track

log = structlog.get_logger(__name__)

SEATS = {
    False: "the ledger's database has failed over: no seat is given until each replica has written what it knows, or is gone",
    True: "each replica has written what it knows since the ledger's database failed over: seats are given again",
}
ENTER = "UPDATE owners SET epoch = ? WHERE id = ?"


class Written(NamedTuple):
    """A transaction of this replica."""

    epoch: bytes
    sequence: int
    """The number in the replica's row."""
    facts: Sequence[Fact]
    has_entered: bool
    """Whether it is the first of its epoch, or of its owner's word: all earlier ones are known to the database with it."""
    rewritten: int | None
    """Of how many logins and debts it has written the facts again; None if the database had forgotten nothing."""
    lacked: bool
    """Whether some were too old to be remembered."""
    gives_seats: bool
    """Whether the epoch is settled."""
    others: Collection[bytes]
    """The other owners that were there."""
    timeline: str
    """That of the database."""


class History:
    """Sees to it that nothing else happens in a transaction before the database knows what this replica knows."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.rewinds = 0
        """How often the database had forgotten what it had acknowledged to this replica."""
        self.gives_seats = True
        """Whether seats were given as of the last transaction."""
        self._clock = clock
        self._journal = Journal()
        self._last: Written | None = None
        """The last transaction that was acknowledged."""
        self._sent: Written | None = None
        """The last one whose COMMIT was sent, if its answer is still to come, or was lost."""
        self._knows_others = False
        """Whether it was there while an epoch was settled. A newcomer does not know who was there before."""
        self._awaited = set[bytes]()
        """The owners that have yet to write in the epoch. One whose row the database has lost, or that was taken for gone, comes
        back by another word, at a time that nobody knows."""

    def enter(self, table: FleetTable, seen: Prologue) -> bool:
        """Do in a transaction that has just begun what its place in the database's history wants.

        Returns:
            whether the database has forgotten commits of this replica.
        """
        if self._sent is not None and _knows(seen, self._sent):
            self.acknowledged()
        is_rewound = self._is_rewound(seen)
        is_late = is_rewound and self._is_late(seen)
        epoch = self._begun(table, seen, is_rewound=is_rewound and not is_late)
        has_entered = seen.own is None or seen.own.epoch != epoch.word
        if has_entered:
            table.connection.execute(ENTER, (epoch.word, table.term.owner))
        known = None if seen.own is None else KnownUpTo(seen.own.epoch, seen.own.sequence)
        there = [word for word, row in seen.owners.items() if row.epoch == epoch.word and word != table.term.owner]
        if has_entered:
            remove_again(table, KnownFacts.of(self._journal.all))
        rewritten = self._write_again(table, known, there, is_late=is_late) if is_rewound else None
        lacked = is_rewound and self._journal.lacks(known)
        gives_seats = _is_settled(table, epoch, seen)
        others = seen.owners.keys() - {table.term.owner}
        self._await(others, there, epoch)
        is_complete = epoch.is_settled or (self._knows_others and not self._awaited)
        table.term = replace(table.term, gives_seats=gives_seats, is_complete=is_complete)
        sequence = seen.owners[table.term.owner].sequence
        has_entered |= is_rewound
        timeline = epoch.timeline_now
        self._sent = Written(epoch.word, sequence, table.facts, has_entered, rewritten, lacked, gives_seats, others, timeline)
        return is_rewound

    def acknowledged(self) -> None:
        """Note that the database has committed the last transaction."""
        done, self._sent = self._sent, None
        if done is None:
            return
        self._last = done._replace(facts=())
        self._knows_others |= done.gives_seats
        number = KnownUpTo(done.epoch, done.sequence)
        if done.has_entered:
            self._journal.entered(number)
        self._journal.add(number, done.facts)
        if done.rewritten is not None:
            self.rewinds += 1
            _tell(done.rewritten, lacked=done.lacked)
        if done.gives_seats is not self.gives_seats:
            self.gives_seats = done.gives_seats
            log.warning(SEATS[done.gives_seats])

    def _begun(self, table: FleetTable, seen: Prologue, *, is_rewound: bool) -> LedgerEpoch:
        """Begin another epoch if the database has failed over, or if an earlier one comes back.

        That this replica has never seen an epoch tells nothing: it may be older than the replica. Its row tells, if it is of the
        last epoch that this replica was in: the present one began after that.
        """
        is_later = seen.own is not None and self._last is not None and seen.own.epoch == self._last.epoch != seen.epoch.word
        if not seen.epoch.is_over and (is_later or not is_rewound):
            return seen.epoch
        another = seen.epoch.next()
        epochs.begin(table.connection, another)
        return another

    def _is_rewound(self, seen: Prologue) -> bool:
        """Tell whether something is gone that was acknowledged. A row that is gone in the same epoch was taken for gone."""
        last, own = self._last, seen.own
        if last is None:
            return False
        if own is None:
            return seen.epoch.is_over or seen.epoch.word != last.epoch
        return own.epoch != last.epoch or own.sequence < last.sequence

    def _is_late(self, seen: Prologue) -> bool:
        """Tell whether others have settled an epoch after the last one of this replica: they have taken it for gone.

        On a later timeline, the epoch began after that. Otherwise it may be an earlier one, which a former primary brings back.
        """
        is_later = self._last is not None and seen.epoch.timeline_now > self._last.timeline
        return is_later and seen.own is None and seen.epoch.is_settled and not seen.epoch.is_over

    def _await(self, others: Collection[bytes], there: Collection[bytes], epoch: LedgerEpoch) -> None:
        """Await the owners that are there, or were before the epoch, until they have written in it, or it is settled."""
        before = () if self._last is None or self._last.epoch == epoch.word else self._last.others
        self._awaited = set() if epoch.is_settled else {*self._awaited, *before, *others} - {*there}

    def _write_again(self, table: FleetTable, known: KnownUpTo | None, there: Sequence[bytes], *, is_late: bool) -> int:
        """Write what the database has forgotten. What began under a word that is gone is nobody's."""
        lose_track(table, f"the database had forgotten commits, {token_hex(8)}")
        lost = KnownFacts.of_lost(self._journal.beside(known))
        return write_again(table, lost, there=there, now=self._clock(), is_late=is_late)


def _is_settled(table: FleetTable, epoch: LedgerEpoch, seen: Prologue) -> bool:
    """Tell whether each owner has written what it knows, and whoever has no row was silent for a claim."""
    if epoch.is_settled:
        return True
    others = [row for word, row in seen.owners.items() if word != table.term.owner]
    if not seen.is_silent or epoch.word != seen.epoch.word or any(row.epoch != epoch.word for row in others):
        return False
    epochs.settle(table.connection)
    return True


def _knows(seen: Prologue, written: Written) -> bool:
    own = seen.own
    return own is not None and own.epoch == written.epoch and own.sequence >= written.sequence


def _tell(rewritten: int, *, lacked: bool) -> None:
    log.error(
        "the ledger's database has lost commits that it had acknowledged: what this server remembers is written again, "
        "and everything cached is invalidated; see docs/ledger.md for what a synchronous standby keeps",
        rewritten=rewritten,
    )
    if lacked:
        log.error(
            "some of the lost commits are too old to be remembered: compare `connector sessions list` and `connector owed list` "
            "with the end system, and end there what they lack"
        )
