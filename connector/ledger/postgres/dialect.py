"""The ledger's rows in PostgreSQL: the few things that it says in a way of its own."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import psycopg

from connector.ledger.sql.table import Table

SAID_OTHERWISE = {
    "%": "%%",
    "?": "%s",
    "instr(": "strpos(",
    "group_concat(id)": "string_agg(CAST(id AS text), ',')",
    " +": " ",
}
"""What the shared statements say, and PostgreSQL's words for it. A plus before a column keeps SQLite from using an index."""
WORDS = re.compile(r"%|\?|\binstr\(|\bgroup_concat\(id\)| \+(?=[a-z])")


SIZE = """SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class
    WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND relkind = 'r'"""


class Statements:
    """A connection as the shared rows and rules want it."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> "psycopg.Cursor[Any]":
        """Run a statement with these values. The answer is here as a whole."""
        return self._connection.execute(translated(statement), values, binary=True)


@lru_cache(maxsize=1024)
def translated(statement: str) -> bytes:
    """Return a shared statement as psycopg and PostgreSQL want it."""
    return WORDS.sub(lambda found: SAID_OTHERWISE[found[0]], statement).encode()


class FleetTable(Table):
    """The rows as one transaction of a PostgreSQL database sees them."""

    def next_id(self, number: int) -> int:
        ids = self.connection.execute("SELECT nextval('debt_ids') FROM generate_series(1, ?)", (number,)).fetchall()
        return int(ids[0][0])  # without a gap, because no other owner has a transaction now

    def size(self) -> int:
        return int(self.connection.execute(SIZE).fetchone()[0])

    def as_stored(self, text: str) -> str:
        return text
