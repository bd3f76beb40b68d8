"""Who owns the ledger now: each owner has a row with a sequence, which each of its transactions advances."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from secrets import token_bytes
from typing import Any, NamedTuple

import psycopg

from connector.ledger.postgres.epochs import LOOK, LedgerEpoch
from connector.ledger.postgres.standstill import StandstillWatch
from connector.ledger.postgres.tables import TAKE_LOCK
from connector.ledger.sql.table import Table

WORD_BYTES = 16
"""Length of the random word that stands for an owner."""
LIMITS = {
    "idle_in_transaction_session_timeout": "5s",  # a replica that is paused in a transaction holds up all others for so long
    "lock_timeout": "12s",  # longer than that, so that whoever waits for it outlives it
    "statement_timeout": "20s",
}
BEGIN = "; ".join(
    [
        "BEGIN",
        *(f"SET LOCAL {name} = '{limit}'" for name, limit in LIMITS.items()),
        TAKE_LOCK,  # in a statement of its own: what the next ones see, nobody else changes
        "UPDATE owners SET sequence = sequence + 1 WHERE id = '\\x{}'",
        "SELECT id, sequence, epoch FROM owners",
        "SELECT key_id, number, mac, owner FROM ticks",
        LOOK,
        "SELECT EXISTS (SELECT FROM lost_track)",
    ]
)
"""One round trip. The word of an owner is put into it in hexadecimal."""

INTRODUCE = "INSERT INTO introductions VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET about = excluded.about"


class OwnerRow(NamedTuple):
    """An owner's row as a transaction sees it."""

    sequence: int
    """How many transactions it has made. The present one of this owner is counted already."""
    epoch: bytes
    """The word of the epoch in which it has written last."""


@dataclass(frozen=True, slots=True)
class Prologue:
    """What the beginning of a transaction has shown."""

    owners: Mapping[bytes, OwnerRow]
    """All owners, this one first."""
    own: OwnerRow | None
    """This owner's row as it was before the transaction; None if there was none."""
    epoch: LedgerEpoch
    is_silent: bool
    """Whether a whole claim has passed in the epoch, so that whoever has no row by now is not there."""
    tick: tuple[Any, ...] | None
    """The row of the ledger's counter, if there is one."""
    has_lost_track: bool


class OwnRow:
    """This replica's row. It gets a new word if it was gone: what it had begun before is nobody's for good."""

    def __init__(self, watch: StandstillWatch) -> None:
        self.word = b""
        self._watch = watch

    def begin(self, connection: "psycopg.Connection[Any]") -> Prologue:
        """Begin a transaction, wait until it is the only one, and end what belongs to owners that are gone."""
        seen = _begun(connection, self.word)
        if seen.own is None:
            self._insert(connection)
        others = {word: row for word, row in seen.owners.items() if word != self.word}
        # An epoch in which not all have written yet is watched like an owner that stands still.
        unsettled = {} if seen.epoch.is_settled or seen.epoch.is_over else {seen.epoch.word: 0}
        gone = self._watch.gone({word: row.sequence for word, row in others.items()} | unsettled)
        for word in others.keys() & {*gone}:
            remove(connection, word)
            others.pop(word)
        own = seen.own or OwnerRow(0, b"")
        owners = {self.word: own._replace(sequence=own.sequence + 1), **others}
        return replace(seen, owners=owners, is_silent=seen.epoch.word in gone)

    def _insert(self, connection: "psycopg.Connection[Any]") -> None:
        self.word = token_bytes(WORD_BYTES)
        values = (self.word, f"{socket.gethostname()}:{os.getpid()}")
        connection.execute("INSERT INTO owners (id, name, sequence) VALUES (%s, %s, 1)", values)


def remove(connection: "psycopg.Connection[Any]", word: bytes) -> None:
    """Remove an owner with all its claims. What it has begun is nobody's from now on."""
    for statement in (
        "DELETE FROM claims WHERE owner = %s",
        "DELETE FROM refreshes WHERE owner = %s",
        "DELETE FROM introductions WHERE owner = %s",
        "DELETE FROM owners WHERE id = %s",
    ):
        connection.execute(statement, (word,))


def introduce(table: Table, about: bytes | None) -> list[bytes]:
    """Write what this owner tells of itself, and return what the others do. A row of its own keeps `owners` short."""
    if about is not None:
        table.connection.execute(INTRODUCE, (table.term.owner, about))
    found = table.connection.execute("SELECT about FROM introductions WHERE owner <> ?", (table.term.owner,))
    return [bytes(each) for (each,) in found]


def _begun(connection: "psycopg.Connection[Any]", word: bytes) -> Prologue:
    cursor = connection.execute(BEGIN.format(word.hex()).encode())
    answers = []
    while True:
        answers.append(cursor.fetchall() if cursor.description else [])
        if not cursor.nextset():
            break
    *_, owners, ticks, (epoch,), ((has_lost_track,),) = answers
    rows = {bytes(id_): OwnerRow(sequence, bytes(epoch)) for id_, sequence, epoch in owners}
    own = rows.get(word)
    return Prologue(
        rows,
        own and own._replace(sequence=own.sequence - 1),
        LedgerEpoch(bytes(epoch[0]), *epoch[1:]),
        is_silent=False,
        tick=next(iter(ticks), None),
        has_lost_track=bool(has_lost_track),
    )
