"""Who owns the ledger now: each owner has a row with a sequence, which each of its transactions advances.

The row also says which layout of the tables its replica reads, and how often it has looked which sessions were ended.
"""

import math
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from secrets import token_bytes
from typing import Any, NamedTuple

import psycopg

from connector.ledger.postgres.epochs import LOOK, LedgerEpoch
from connector.ledger.postgres.layouts import found_version, lock_out_older, must_be_here
from connector.ledger.postgres.preparing import as_prepared, prepare_if_direct
from connector.ledger.postgres.standstill import StandstillWatch
from connector.ledger.postgres.tables import MIGRATIONS, TAKE_LOCK
from connector.ledger.sql.database import Database
from connector.ledger.sql.opening_rows import IS_REFRESH
from connector.ledger.sql.table import Table
from connector.runtime.processes import has_ended, own_process

WORD_BYTES = 16
"""Length of the random word that stands for an owner."""
SETTINGS = {
    "idle_in_transaction_session_timeout": "5s",  # a replica that is paused in a transaction holds up all others for so long
    "lock_timeout": "12s",  # longer than that, so that whoever waits for it outlives it
    "statement_timeout": "20s",
    "enable_seqscan": "off",  # a plan that was made for a small table stays while it grows, and would read all of it each time
    "jit": "off",  # it takes the price of a scan that nothing can replace for work
    "random_page_cost": "1",  # what is asked for is new, and so in memory: by default, a few thousand rows are read one by one
}
"""Of each transaction. One statement sets them all, because each takes its time to be read."""
BEGIN = "; ".join(
    [
        "BEGIN",
        "SELECT " + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in SETTINGS.items()),
        TAKE_LOCK,  # in a statement of its own: what the next ones see, nobody else changes
        "UPDATE owners SET sequence = sequence + 1, looks = {looks} WHERE id = {word}",
        "SELECT id, sequence, epoch, reads, looks, (SELECT max(number) FROM ledger_version) FROM owners",
        "SELECT key_id, number, mac FROM ticks",
        LOOK,
    ]
)
"""One round trip."""

INTRODUCED = "SELECT about FROM introductions JOIN owners ON owners.id = owner WHERE owner <> ?"
"""A replica of an older version that removes an owner leaves what that one has told."""
ALL = "SELECT name, about FROM owners LEFT JOIN introductions ON owner = owners.id ORDER BY name"
INSERT = "INSERT INTO owners (id, name, sequence, reads, looks, process) VALUES (%s, %s, 1, %s, %s, %s)"
INTRODUCE = "INSERT INTO introductions VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET about = excluded.about"


class OwnerRow(NamedTuple):
    """An owner's row as a transaction sees it."""

    sequence: int
    """How many transactions it has made. The present one of this owner is counted already."""
    epoch: bytes
    """The word of the epoch in which it has written last."""
    reads: int
    """The last layout that its replica reads."""
    looks: int
    """How often it has looked which sessions were ended, as `SharedSessions.looks` says."""
    oldest: int
    """The oldest version that works with the tables; the same in all rows."""


class GoneOwner(NamedTuple):
    """An owner that was removed."""

    name: str
    tries: int
    """How many debts it was trying: nobody knows how that ended."""
    logins: int
    """How many logins it had under way: nobody knows what they have made."""
    refreshes: int
    """How many logins it was refreshing: their newest credentials may be known to nobody."""


@dataclass(frozen=True, slots=True)
class Prologue:
    """What the beginning of a transaction has shown."""

    owners: Mapping[bytes, OwnerRow]
    """All owners, this one first."""
    own: OwnerRow | None
    """This owner's row as it was before the transaction; None if there was none."""
    epoch: LedgerEpoch
    layout: int
    """The layout of rows that may be written: all owners read it, and nobody who does not becomes one."""
    is_silent: bool
    """Whether a whole claim has passed in the epoch, so that whoever has no row by now is not there."""
    tick: tuple[Any, ...] | None
    """The row of the ledger's counter, if there is one."""
    has_lost_track: bool
    moment: float
    """By the database's clock."""
    gone: Sequence[GoneOwner] = ()
    """Who was taken for gone by this transaction."""


class OwnRow:
    """This replica's row. It gets a new word if it was gone: what it had begun before is nobody's for good."""

    def __init__(self, watch: StandstillWatch, reads: int = len(MIGRATIONS)) -> None:
        """`reads` is the last layout that this replica reads."""
        self.word = b""
        self.looks = 0
        self._reads = reads
        self._locks_out_at = math.inf
        """When older versions are to be locked out."""
        self._watch = watch

    def begin(self, connection: "psycopg.Connection[Any]") -> Prologue:
        """Begin a transaction, wait until it is the only one, and end what belongs to owners that are gone.

        Raises:
            LedgerUnavailable: the ledger has moved since this replica was taken for gone.
        """
        seen = _begun(connection, self.word, self.looks)
        own = seen.own or self._inserted(connection)
        must_be_here(connection, own.oldest)
        others = {word: row for word, row in seen.owners.items() if word != self.word}
        # An epoch in which not all have written yet is watched like an owner that stands still.
        unsettled = {} if seen.epoch.is_settled or seen.epoch.is_over else {seen.epoch.word: 0}
        gone = self._watch.gone({word: row.sequence for word, row in others.items()} | unsettled)
        if seen.own is None:
            gone += _ended(connection)
        removed = [remove(connection, word) for word in others.keys() & {*gone}]
        others = {word: row for word, row in others.items() if word not in gone}
        owners = {self.word: own._replace(sequence=own.sequence + 1), **others}
        layout = self._layout(connection, min(row.reads for row in owners.values()), own.oldest)
        return replace(seen, owners=owners, layout=layout, is_silent=seen.epoch.word in gone, gone=removed)

    def _layout(self, connection: "psycopg.Connection[Any]", all_read: int, oldest: int) -> int:
        """Return the layout that may be written. Older versions are locked out once none of them was there for a while.

        If somebody reads the tables just then, such as a backup, that is put off.
        """
        standstill = self._watch.standstill
        if all_read <= oldest:
            self._locks_out_at = math.inf
            return all_read
        now = standstill.clock()
        self._locks_out_at = min(self._locks_out_at, now + standstill.upgrade)
        if now >= self._locks_out_at:
            if lock_out_older(connection, all_read):
                return all_read
            self._locks_out_at = now + standstill.claim
        return oldest

    def _inserted(self, connection: "psycopg.Connection[Any]") -> OwnerRow:
        self.word = token_bytes(WORD_BYTES)
        values = (self.word, f"{socket.gethostname()}:{os.getpid()}", self._reads, self.looks, own_process())
        connection.execute(INSERT, values)
        return OwnerRow(0, b"", self._reads, self.looks, found_version(connection).oldest)


def _ended(connection: "psycopg.Connection[Any]") -> list[bytes]:
    """Return the owners whose processes ran on this machine and have ended: a restart does not wait for their claims."""
    found = connection.execute("SELECT id, process FROM owners").fetchall()
    return [bytes(word) for word, process in found if has_ended(process)]


def remove(connection: "psycopg.Connection[Any]", word: bytes) -> GoneOwner:
    """Remove an owner with all its claims. What it has begun is nobody's from now on."""
    tries = connection.execute("DELETE FROM claims WHERE owner = %s", (word,)).rowcount
    refreshes = connection.execute("DELETE FROM refreshes WHERE owner = %s", (word,)).rowcount
    connection.execute("DELETE FROM introductions WHERE owner = %s", (word,))
    logins = connection.execute(f"SELECT FROM openings WHERE owner = %s AND NOT {IS_REFRESH}", (word,)).rowcount
    found = connection.execute("DELETE FROM owners WHERE id = %s RETURNING name", (word,)).fetchone()
    return GoneOwner("unknown" if found is None else str(found[0]), tries, logins, refreshes)


def introduce(table: Table, about: bytes | None) -> list[bytes]:
    """Write what this owner tells of itself, and return what the others do. A row of its own keeps `owners` short."""
    if about is not None:
        table.connection.execute("DELETE FROM introductions WHERE owner NOT IN (SELECT id FROM owners)")
        table.connection.execute(INTRODUCE, (table.term.owner, about))
    found = table.connection.execute(INTRODUCED, (table.term.owner,))
    return [bytes(each) for (each,) in found]


def introduced(database: Database) -> list[tuple[str, bytes | None]]:
    """Return all owners by their names, and what each tells."""
    return [(name, about and bytes(about)) for name, about in database.execute(ALL).fetchall()]


def _begun(connection: "psycopg.Connection[Any]", word: bytes, looks: int) -> Prologue:
    script = as_prepared(connection, BEGIN).format(word=f"'\\x{word.hex()}'", looks=looks)
    cursor = connection.execute(script.encode(), prepare=False)
    *_, owners, ticks, ((*epoch, has_lost_track, moment, process),) = [
        cursor.fetchall() for _ in cursor.results() if cursor.pgresult and cursor.pgresult.nfields
    ]
    prepare_if_direct(connection, process, BEGIN)
    rows = {bytes(id_): OwnerRow(sequence, bytes(epoch), *more) for id_, sequence, epoch, *more in owners}
    own = rows.get(word)
    return Prologue(
        rows,
        own and own._replace(sequence=own.sequence - 1),
        LedgerEpoch(bytes(epoch[0]), *epoch[1:]),
        layout=0,
        is_silent=False,
        tick=next(iter(ticks), None),
        has_lost_track=bool(has_lost_track),
        moment=float(moment),
    )
