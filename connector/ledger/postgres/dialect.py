"""The ledger's rows in PostgreSQL: the few things that it says in a way of its own."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import psycopg

from connector.ledger.keyring import Keyring
from connector.ledger.postgres.claim_changes import ClaimChanges
from connector.ledger.rows import COLUMNS, NAMES, Row
from connector.ledger.sql.facts import Fact
from connector.ledger.sql.table import NOBODYS, Table, Term

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


TYPES = {
    **dict.fromkeys(("id", "attempts", "revision", "version", "made_tick", "holds"), "bigint"),
    **dict.fromkeys(("waited", "recorded_at", "due_at", "closed_at"), "double precision"),
    **dict.fromkeys(("fingerprint", "credential", "share", "seat", "mac"), "bytea"),
}
"""The types of a debt's columns, as far as they are not text."""
ARRAYS = ", ".join(f"%s::{TYPES.get(name, 'text')}[]" for name in COLUMNS)
ROWS = f"unnest({ARRAYS}) AS new ({NAMES})"
"""Rows as one array for each column: however many there are, the statement is the same, and short to read."""
INSERT = f"INSERT INTO debts ({NAMES}) SELECT {NAMES} FROM {ROWS}".encode()  # noqa: S608 - names of our own
SET = ", ".join(f"{name} = new.{name}" for name in COLUMNS[1:])
UPDATE = f"UPDATE debts SET {SET} FROM {ROWS} WHERE debts.id = new.id".encode()  # noqa: S608 - names of our own


SLICE = 200
"""Rows that are fetched at a time where not all may be wanted."""


class Statements:
    """A connection as the shared rows and rules want it."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> "psycopg.Cursor[Any]":
        """Run a statement with these values. The answer is here as a whole."""
        return self._connection.execute(translated(statement), values, binary=True)

    def run(self, statements: Sequence[str]) -> None:
        """Run statements without values in one round trip. They are ours."""
        self._connection.execute("; ".join(statements).encode())

    def write(self, statement: bytes, rows: Sequence[Row]) -> None:
        """Run a statement that takes rows as one array for each column."""
        self._connection.execute(statement, [[*column] for column in zip(*rows, strict=True)])


@lru_cache(maxsize=1024)
def translated(statement: str) -> bytes:
    """Return a shared statement as psycopg and PostgreSQL want it."""
    return WORDS.sub(lambda found: SAID_OTHERWISE[found[0]], statement).encode()


class FleetTable(Table):
    """The rows as one transaction of a PostgreSQL database sees them."""

    def __init__(self, connection: Statements, keyring: Keyring, *, term: Term = NOBODYS, may_write: bool = True) -> None:
        super().__init__(connection, keyring, term=term, may_write=may_write)
        self.claims = ClaimChanges()
        self._statements = connection
        self._streams = count(1)
        self.facts: list[Fact] = []
        """What this transaction has made of rows."""

    def note(self, facts: Iterable[Fact]) -> None:
        self.facts.extend(facts)

    def write_claims(self) -> None:
        """Write now what would be written at the end, because somebody is about to look at it."""
        if statements := self.claims.taken(self.term.owner):
            self._statements.run(statements)

    def stream(self, query: str, *values: Any) -> Iterator[Any]:
        name = f"rows_{next(self._streams)}"
        self.connection.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {query}", values)  # it ends with the transaction
        while rows := self.connection.execute(f"FETCH {SLICE} FROM {name}").fetchall():
            yield from rows

    def next_id(self, number: int) -> int:
        ids = self.connection.execute("SELECT nextval('debt_ids') FROM generate_series(1, ?)", (number,)).fetchall()
        return int(ids[0][0])  # without a gap, because no other owner has a transaction now

    def write_new(self, rows: Sequence[Row]) -> None:
        self._statements.write(INSERT, rows)

    def write_over(self, rows: Sequence[Row]) -> None:
        self._statements.write(UPDATE, rows)

    def size(self) -> int:
        return int(self.connection.execute(SIZE).fetchone()[0])

    def as_stored(self, text: str) -> str:
        return text
