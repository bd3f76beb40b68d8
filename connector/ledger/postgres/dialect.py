"""The ledger's rows in PostgreSQL: the few things that it says in a way of its own."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import count
from typing import Any

from connector.ledger.keyring import Keyring
from connector.ledger.postgres.arrays import Array
from connector.ledger.postgres.claim_changes import ClaimChanges
from connector.ledger.postgres.sent_together import Statements, translated
from connector.ledger.rows import COLUMNS, Row
from connector.ledger.sql.facts import Fact
from connector.ledger.sql.table import NOBODYS, Heard, Table, Term

SIZE = """SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class
    WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND relkind = 'r'"""


BIGINTS = """id attempts revision version made_tick holds unanswered opened_tick used_tick calls overtaken tick"""
TYPES = {
    **dict.fromkeys(BIGINTS.split(), "bigint"),
    **dict.fromkeys(["waited", "recorded_at", "due_at", "closed_at", "opened_at", "used_at"], "double precision"),
    **dict.fromkeys(["fingerprint", "credential", "share", "seat", "mac", "owner"], "bytea"),
}
"""The types of columns, as far as they are not text."""
TYPE_OF = {str: "text", int: "bigint", bytes: "bytea"}
"""The types of what a column is compared with."""
SET = ", ".join(f"{name} = column{place}" for place, name in enumerate(COLUMNS[1:], start=2))
UPDATE = f"UPDATE debts SET {SET} FROM ({{}}) AS new WHERE debts.id = column1"  # noqa: S608 - names of our own
LAST = "SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM {}"
DEBT_IDS = "debt_ids"
SLICE = 200
"""Rows that are fetched at a time where not all may be wanted."""


class FleetTable(Table):
    """The rows as one transaction of a PostgreSQL database sees them."""

    def __init__(self, connection: Statements, keyring: Keyring, *, term: Term = NOBODYS, may_write: bool = True) -> None:
        super().__init__(connection, keyring, term=term, may_write=may_write)
        self.claims = ClaimChanges()
        self._statements = connection
        self._streams = count(1)
        self._last_id: int | None = None
        """The highest id that a debt has had, if it is known."""
        self.facts: list[Fact] = []
        """What this transaction has made of rows."""

    def note(self, facts: Iterable[Fact]) -> None:
        self.facts.extend(facts)

    def commit(self) -> str | None:
        """End the transaction, and return what the database says of that."""
        self.write_claims()
        return self._statements.commit()

    def among(self, values: Collection[Any]) -> tuple[str, list[Any]]:
        if not values:
            return "IN (NULL)", []
        kind = TYPE_OF[type(next(iter(values)))]
        return f"= ANY(?::{kind}[])", [Array(kind, [*values])]  # one value: a long statement takes its time to be read

    def given(self, names: Sequence[str], rows: Sequence[Row]) -> tuple[str, list[Any]]:
        types = [TYPES.get(name, "text") for name in names]
        arrays = ", ".join(f"?::{type_}[]" for type_ in types)
        columns = ", ".join(f"column{place}" for place in range(1, len(names) + 1))
        values = [Array(type_, column) for type_, column in zip(types, zip(*rows, strict=True), strict=True)]
        return f"SELECT * FROM unnest({arrays}) AS given ({columns})", values  # noqa: S608 - names of our own

    def write(self, statement: str, values: Sequence[Any] = ()) -> None:
        self._statements.later(translated(statement), values)

    def sessions_heard_of(self, session_ids: Collection[str]) -> dict[str, Heard]:
        last = self.later(LAST.format(DEBT_IDS))  # whoever asks is about to insert debts
        heard_of = super().sessions_heard_of(session_ids)
        [(self._last_id,)] = last()
        return heard_of

    def later(self, query: str, values: Sequence[Any] = ()) -> Callable[[], list[Any]]:
        return self._statements.later(translated(query), values).fetchall

    def write_claims(self) -> None:
        """Write what has changed of claims, because somebody is about to look at it, or the transaction ends."""
        for statement, values in self.claims.taken(self.term.owner):
            self._statements.later(statement, values)

    def stream(self, query: str, *values: Any) -> Iterator[Any]:
        name = f"rows_{next(self._streams)}"
        self.connection.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {query}", values)  # it ends with the transaction
        while rows := self.connection.execute(f"FETCH {SLICE} FROM {name}").fetchall():
            yield from rows

    def next_id(self, number: int) -> int:
        last = self._last_id
        if last is None:
            last = self.last_id("debts")
        else:
            self._last_id = last + number  # no other owner has a transaction now
        self._statements.later(b"SELECT setval('debt_ids', %s)", [last + number])
        return last + 1

    def last_id(self, name: str) -> int:
        sequence = DEBT_IDS if name == "debts" else f"{name}_id_seq"
        return int(self.connection.execute(LAST.format(sequence)).fetchone()[0])

    def write_over(self, rows: Sequence[Row]) -> None:
        given, values = self.given(COLUMNS, rows)
        self.write(UPDATE.format(given), values)

    def size(self) -> int:
        return int(self.connection.execute(SIZE).fetchone()[0])

    def as_stored(self, text: str) -> str:
        return text
