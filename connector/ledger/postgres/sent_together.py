"""The statements of a transaction: those whose answer nobody waits for go along with the next one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import psycopg

SAID_OTHERWISE = {
    "%": "%%",
    "?": "%s",
    "?::": "%b::",
    "instr(": "strpos(",
    "group_concat(id)": "string_agg(CAST(id AS text), ',')",
    " +": " ",
}
"""What the shared statements say, and PostgreSQL's words for it. A plus before a column keeps SQLite from using an index.

Arrays go as binary values, in which nothing has to be escaped.
"""
WORDS = re.compile(r"%|\?::|\?|\binstr\(|\bgroup_concat\(id\)| \+(?=[a-z])")


@dataclass(slots=True)
class Later:
    """A statement that goes along with the next one, which has its answer, too."""

    statement: bytes
    values: Sequence[Any] | None
    cursor: "psycopg.Cursor[Any] | None" = None

    def fetchall(self) -> list[Any]:
        """Return the rows that it has found, once the next statement is done."""
        if self.cursor is None:
            raise RuntimeError("no statement was waited for since this was asked")
        return self.cursor.fetchall()


class Statements:
    """A connection in a transaction, as the shared rows and rules want it.

    The way to the database and back takes longer than most statements do. So what is written goes there with what is read next,
    or with the COMMIT. Statements take effect in the order in which they were asked for. The first that fails fails the rest.
    """

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection
        self._later: list[Later] = []

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> "psycopg.Cursor[Any]":
        """Run a statement with these values. The answer is here as a whole."""
        return self._now(translated(statement), values)

    def later(self, statement: bytes, values: Sequence[Any] | None = None) -> Later:
        """Run a statement together with the next one."""
        self._later.append(Later(statement, values))
        return self._later[-1]

    def commit(self) -> str | None:
        """Run what is left, and commit. Return what the database says of that."""
        return self._now(b"COMMIT", prepare=False).statusmessage

    def _now(
        self, statement: bytes, values: Sequence[Any] | None = None, *, prepare: bool | None = None
    ) -> "psycopg.Cursor[Any]":
        if not self._later:
            return self._connection.execute(statement, values, prepare=prepare, binary=values is not None)
        later, self._later = self._later, []
        try:
            with self._connection.pipeline():
                for each in later:
                    each.cursor = self._connection.execute(each.statement, each.values, binary=True)
                return self._connection.execute(statement, values, prepare=prepare, binary=True)
        except psycopg.Error:
            # After an error within a pipeline, answers may be left over that the next statements would take for theirs.
            self._connection.close()
            raise


@lru_cache(maxsize=1024)
def translated(statement: str) -> bytes:
    """Return a shared statement as psycopg and PostgreSQL want it."""
    return WORDS.sub(lambda found: SAID_OTHERWISE[found[0]], statement).encode()
