"""The ledger's rows in a SQLite file: the few things that SQLite does in a way of its own."""

import sqlite3

from connector.ledger.keyring import Keyring
from connector.ledger.sql.table import NOBODYS, Table, Term
from connector.ledger.unverified import lenient_text

NEXT_ID = "SELECT coalesce(max(seq), 0) + 1 FROM sqlite_sequence WHERE name = 'debts'"
LAST_ID = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?"
SIZE = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"


class FileTable(Table):
    """The rows as one transaction of a SQLite file sees them."""

    def __init__(self, connection: sqlite3.Connection, keyring: Keyring, *, term: Term = NOBODYS, may_write: bool = True) -> None:
        connection.text_factory = lenient_text
        super().__init__(connection, keyring, term=term, may_write=may_write)

    def next_id(self, number: int) -> int:  # noqa: ARG002 - the ids above the highest one are free, however many are wanted
        return int(self.connection.execute(NEXT_ID).fetchone()[0])

    def last_id(self, name: str) -> int:
        return int(self.connection.execute(LAST_ID, (name,)).fetchone()[0])

    def size(self) -> int:
        return int(self.connection.execute(SIZE).fetchone()[0])

    def as_stored(self, text: str) -> bytes:
        return text.encode("utf-8", "surrogateescape")  # in a row that was damaged it may be no text
