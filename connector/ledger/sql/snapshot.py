"""All that is in a ledger, as one transaction sees it: to be written elsewhere, whether its rows verify or not."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from connector.ledger import begun_logins, open_sessions, rows
from connector.ledger.keyring import KeyMissing
from connector.ledger.sql.moving import COLUMNS, Row
from connector.ledger.sql.table import Table
from connector.ledger.texts import clean
from connector.ledger.unverified import Unverified, shown

VERIFIED: dict[str, tuple[Callable[..., Any], Callable[..., object]]] = {
    "debts": (rows.DebtRow, rows.verify),
    "sessions": (open_sessions.SessionRow, open_sessions.verify),
    "openings": (begun_logins.OpeningRow, begun_logins.verify),
}
"""How the rows of a table are read, and verified."""


class Snapshot:
    """The rows of a ledger. What does not verify goes along, for whoever uses the rows to find out; it is counted here.

    The counts are those of the rows that were read until now.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.counted = Counter[str]()
        """How many rows each table has."""
        self.by_key = Counter[str]()
        """How many rows were made with each key of the keyring."""
        self.without_key = Counter[str]()
        """How many rows were made with keys that are not in it."""
        self.damaged = 0

    @property
    def ids(self) -> list[bytes]:
        """The random words that seals name."""
        return [bytes(id_) for (id_,) in self._table.connection.execute("SELECT id FROM identity ORDER BY id")]

    def last_id(self, table: str) -> int:
        """Return the highest id that a row of a table ever had."""
        return self._table.last_id(table)

    def size(self) -> int:
        """Return how many rows there are."""
        return sum(self._table.connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in COLUMNS)  # noqa: S608 - ours

    def rows(self, table: str) -> Iterator[Row]:
        """Yield the rows of a table, the lowest id first. In one that is damaged, what is no character is replaced."""
        names = ", ".join(COLUMNS[table])
        for row in self._table.stream(f"SELECT {names} FROM {table} ORDER BY 1"):  # noqa: S608 - names of our own
            self.counted[table] += 1
            if table in VERIFIED:
                self._count(table, row)
            yield [clean(value) if isinstance(value, str) else value for value in row]

    def _count(self, table: str, row: Row) -> None:
        """Count a row, by the key that has made it."""
        named, verify = VERIFIED[table]
        of_table = named(*row)
        try:
            verify(of_table, self._table.keyring)
        except KeyMissing:
            self.without_key[shown(of_table.key_id) or ""] += 1
        except Unverified:
            self.damaged += 1
        else:
            self.by_key[of_table.key_id] += 1
