"""What moves from one store to another, and what both ends of a move agree on."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from connector.ledger import begun_logins, open_sessions, rows
from connector.ledger.sql import audit_rows

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "debts": rows.COLUMNS,
    "sessions": open_sessions.COLUMNS,
    "openings": begun_logins.COLUMNS,
    "quarantine": ("id", "reason", "session_id", "system_id", "origin", "recorded_at"),
    "lost_track": ("reason",),
    "ticks": ("key_id", "number", "mac"),
    "audit": audit_rows.COLUMNS,
}
"""The tables that move, and their columns. All stores have them."""
NUMBERED = ("debts", "sessions", "openings", "audit")
"""Tables whose next id is behind the highest one."""
MOVED = 1_000
"""Added to the version of a ledger that has moved: no server of any version uses it any more."""
LOSE_TRACK = "INSERT INTO lost_track VALUES ('the ledger was moved')"
"""Has everything cached invalidated: a store that is used with the new ledger may have missed cleanups."""
Row = Sequence[Any]


class LedgerRows(Protocol):
    """All that is in a ledger, as it is at one moment."""

    @property
    def ids(self) -> Sequence[bytes]:
        """The random words that its seals name: its own, and those of ledgers that have moved into it."""

    def last_id(self, table: str) -> int:
        """Return the highest id that a row of a table ever had; 0 if that is not known."""

    def rows(self, table: str) -> Iterable[Row]:
        """Return the rows of a table, ordered by the first column."""


class LeavingLedger(LedgerRows, Protocol):
    """A ledger that moves to another store, while nobody else uses it."""

    def size(self) -> int:
        """Count all rows that may move."""

    def mark(self, target: str) -> None:
        """Record that no server uses it any more. Raises `ConfigurationError` if it has moved elsewhere already."""


class CheckedLedger(LeavingLedger, Protocol):
    """A ledger that moves, and whose rows stay behind if they do not verify."""

    @property
    def path(self) -> Path:
        """Its file."""

    def moved_to(self) -> str | None:
        """Return where it has gone, or is about to; None if it is not marked."""

    def must_verify(self) -> None:
        """Raise `ConfigurationError` if there are rows, and none of them verifies."""


class Digest:
    """Tells whether rows that were read again are those that were written."""

    def __init__(self) -> None:
        self._hash = sha256()

    def of(self, rows: Iterable[Row]) -> bytes:
        """Return the digest of rows."""
        for _ in self.noted(rows, lambda: None):
            pass
        return self.value

    def noted(self, rows: Iterable[Row], advance: Callable[[], None]) -> Iterator[Row]:
        """Yield the rows, which are part of the digest from then on; `advance` is called for each."""
        for row in rows:
            self._hash.update(repr(tuple(row)).encode("utf-8", "surrogateescape"))
            advance()
            yield row

    @property
    def value(self) -> bytes:
        """The digest of all that was noted."""
        return self._hash.digest()
