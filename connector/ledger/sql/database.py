"""What the rows and rules want of a database: a connection that is in a transaction."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol


class FoundRows(Protocol):
    """What a statement has found or changed, as a cursor of Python's database interface has it."""

    @property
    def description(self) -> Sequence[Sequence[Any]] | None:
        """For each column, its name and more."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchone(self) -> Any:
        """Return the next row."""

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class Database(Protocol):
    """A connection in a transaction. A question mark stands for each value; SQL is what SQLite and PostgreSQL have in common."""

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> FoundRows:
        """Run a statement with these values."""
