"""The audit log's rows: written before an action and after it, listed, and removed when they are old."""

import sys
from typing import NamedTuple

from connector.ledger.keyring import Keyring
from connector.ledger.sql.database import Database
from connector.ledger.sql.table import Table
from connector.ledger.unverified import Unverified, shown
from connector.model.audit import AuditEntry


class AuditRow(NamedTuple):
    """A line as it is stored. Nothing is done because of it, so it is not authenticated."""

    id: int
    word: bytes
    at: float
    who: str
    place: str
    action: str
    target: str
    outcome: str | None


COLUMNS = AuditRow._fields
NOTE = """INSERT INTO audit (word, at, who, place, action, target, outcome) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (word) DO UPDATE SET outcome = coalesce(excluded.outcome, audit.outcome)"""
LIST = f"SELECT {', '.join(COLUMNS)} FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?"  # noqa: S608 - names of our own
FORGET = "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ? OR at > ? LIMIT ?)"


def note(table: Table, entry: AuditEntry) -> None:
    """Write a line, or the outcome of one. A line that the store has forgotten is written with its outcome."""
    table.write(NOTE, _values(entry))


def note_at_rest(connection: Database, entry: AuditEntry) -> None:
    """Write a line, or the outcome of one, into a ledger that no server of this machine has open."""
    connection.execute(NOTE, _values(entry))


def listing(table: Table, *, before: int | None, limit: int) -> list[AuditEntry]:
    """Return lines, the newest first, from below `before` on."""
    return [
        AuditEntry(
            word=bytes(row["word"]),
            at=row["at"],
            who=_text(row["who"]),
            where=_text(row["place"]),
            action=_text(row["action"]),
            target=_text(row["target"]),
            outcome=None if row["outcome"] is None else _text(row["outcome"]),
            id=row["id"],
        )
        for row in table.named(LIST, sys.maxsize if before is None else before, limit)
    ]


def forget_old(table: Table, now: float, *, keep: float, limit: int) -> bool:
    """Remove lines that are older than `keep` seconds, or of a clock that was far ahead. Say whether there may be more."""
    return table.connection.execute(FORGET, (now - keep, now + keep, limit)).rowcount == limit


def verify(row: AuditRow, _: Keyring) -> None:
    """Raise `Unverified` if a text of the row was damaged."""
    texts = (row.who, row.place, row.action, row.target, row.outcome or "")
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise Unverified("the line was altered or damaged")


def _values(entry: AuditEntry) -> tuple[object, ...]:
    return (entry.word, entry.at, entry.who, entry.where, entry.action, entry.target, entry.outcome)


def _text(value: str) -> str:
    """Return a text as it was written; of one that was damaged, what can be shown."""
    return value if value.isprintable() else shown(value) or ""
