"""Who owns the ledger now: each owner has a row with a sequence, which each of its transactions advances."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from secrets import token_bytes
from typing import Any

import psycopg

from connector.ledger.postgres.standstill import StandstillWatch
from connector.ledger.postgres.tables import TAKE_LOCK

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
        "SELECT id, sequence FROM owners",
        "SELECT key_id, number, mac, owner FROM ticks",
        "SELECT EXISTS (SELECT FROM lost_track)",
    ]
)
"""One round trip. The word of an owner is put into it in hexadecimal."""


@dataclass(frozen=True, slots=True)
class Prologue:
    """What the beginning of a transaction has shown."""

    owners: Mapping[bytes, int]
    """The sequences of all owners, this one included."""
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
        if self.word not in seen.owners:
            self.word = token_bytes(WORD_BYTES)
            connection.execute("INSERT INTO owners VALUES (%s, %s, 1)", (self.word, f"{socket.gethostname()}:{os.getpid()}"))
        others = {word: sequence for word, sequence in seen.owners.items() if word != self.word}
        for word in self._watch.gone(others):
            remove(connection, word)
            others.pop(word)
        return Prologue({self.word: 0, **others}, seen.tick, seen.has_lost_track)


def remove(connection: "psycopg.Connection[Any]", word: bytes) -> None:
    """Remove an owner with all its claims. What it has begun is nobody's from now on."""
    for statement in (
        "DELETE FROM claims WHERE owner = %s",
        "DELETE FROM refreshes WHERE owner = %s",
        "DELETE FROM owners WHERE id = %s",
    ):
        connection.execute(statement, (word,))


def _begun(connection: "psycopg.Connection[Any]", word: bytes) -> Prologue:
    cursor = connection.execute(BEGIN.format(word.hex()).encode())
    answers = []
    while True:
        answers.append(cursor.fetchall() if cursor.description else [])
        if not cursor.nextset():
            break
    *_, owners, ticks, ((has_lost_track,),) = answers
    return Prologue({bytes(id_): sequence for id_, sequence in owners}, next(iter(ticks), None), bool(has_lost_track))
