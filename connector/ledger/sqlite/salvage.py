"""The rows that can still be read from a damaged ledger and that verify."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct

from connector.ledger import begun_logins, open_sessions, rows
from connector.ledger.begun_logins import OpeningRow
from connector.ledger.keyring import KeyMissing, Keyring
from connector.ledger.open_sessions import SessionRow
from connector.ledger.rows import DebtRow
from connector.ledger.sql import audit_rows
from connector.ledger.sql.audit_rows import AuditRow
from connector.ledger.sql.table import marks
from connector.ledger.sqlite.inspection import UNREADABLE, connected
from connector.ledger.sqlite.schema import migrate
from connector.ledger.unverified import Unverified
from connector.runtime.file_access import is_there

FARTHEST = 10_000_000
"""Id up to which rows are sought behind damaged pages: a number that was damaged itself must not make it last for ever."""
SIZE_IN_PAGES = slice(28, 32)
"""Where the first page says how many there are (https://www.sqlite.org/fileformat.html#the_database_header)."""

NUMBERS = ("version", "unanswered", "opened_tick", "used_tick", "calls", "made_tick", "holds")
LACKING = {"login_id": "''", **dict.fromkeys(NUMBERS, "0")}
"""What stands for the columns that a file of an older version lacks."""

SavedRow = DebtRow | SessionRow | OpeningRow | AuditRow


class Kind(Struct, frozen=True):
    """What is worth saving: a table, its rows, and what tells a sound one."""

    table: str
    row: type[SavedRow]
    verify: Callable[[Any, Keyring], object]

    @property
    def insert(self) -> str:
        """The statement that inserts a row as it was."""
        names = self.row._fields
        return f"INSERT INTO {self.table} ({', '.join(names)}) VALUES ({marks(names)})"  # noqa: S608 - names of our own

    def read(self, connection: sqlite3.Connection, query: str, *values: int) -> Iterator[SavedRow]:
        """Yield the rows that a query finds."""
        return map(self.row._make, connection.execute(query, values))

    def select(self, connection: sqlite3.Connection) -> str:
        """Return the beginning of a query for its rows; a column that a file of an older version lacks has its default."""
        try:
            there = {name for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (self.table,))}
        except UNREADABLE:
            there = {*self.row._fields}  # the query itself will tell
        names = ", ".join(name if name in there else f"{LACKING.get(name, 'NULL')} AS {name}" for name in self.row._fields)
        return f"SELECT {names} FROM {self.table} NOT INDEXED"  # noqa: S608 - names of our own


DEBTS = Kind("debts", DebtRow, rows.verify)
SESSIONS = Kind("sessions", SessionRow, open_sessions.verify)
OPENINGS = Kind("openings", OpeningRow, begun_logins.verify)
AUDIT = Kind("audit", AuditRow, audit_rows.verify)


def sound_rows(path: Path, keyring: Keyring, kind: Kind) -> Iterator[SavedRow]:
    """Yield what can be read and verifies, each row once. A row whose key is missing goes along: readers verify it anyway."""
    seen: set[int | None] = set()
    with _readable(path) as source, closing(connected(source, "ro")) as connection:
        for row in _readable_rows(connection, kind):
            if row.id not in seen and _may_go_along(row, keyring, kind):
                seen.add(row.id)
                yield row


@contextmanager
def _readable(path: Path) -> Iterator[Path]:
    """Give the file itself or, where its first page is damaged, a copy with the first page of an empty ledger.

    That page says what the tables are and where they begin: the same for all ledgers of one version.
    """
    with closing(connected(path, "ro")) as connection:
        try:
            connection.execute(f"{DEBTS.select(connection)} LIMIT 0")
        except UNREADABLE:
            pass
        else:
            yield path
            return
    with TemporaryDirectory(prefix=f"{path.name}.unfinished-", dir=path.parent) as folder:
        copy = Path(folder) / path.name
        for name in (path, path.with_name(f"{path.name}-wal")):
            if is_there(name):
                shutil.copyfile(name, copy.with_name(name.name))
        _replace_first_page(copy, Path(folder) / "empty")
        yield copy


def _replace_first_page(path: Path, empty: Path) -> None:
    with closing(sqlite3.connect(empty, isolation_level=None)) as connection:
        migrate(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        size = int(connection.execute("PRAGMA page_size").fetchone()[0])
    page = bytearray(empty.read_bytes()[:size])
    page[SIZE_IN_PAGES] = (path.stat().st_size // size).to_bytes(4, "big")
    with path.open("r+b") as file:
        file.write(page)


def _may_go_along(row: SavedRow, keyring: Keyring, kind: Kind) -> bool:
    try:
        kind.verify(row, keyring)
    except KeyMissing:
        return True
    except Unverified:
        return False
    return True


def _readable_rows(connection: sqlite3.Connection, kind: Kind) -> Iterator[SavedRow]:
    """Read forwards to the first damaged page, backwards to the last one, and seek what lies between, halving the distance."""
    first, last, select = 0, _last_id(connection, kind) + 1, kind.select(connection)
    try:
        for row in kind.read(connection, f"{select} ORDER BY id"):
            first = row.id or first
            yield row
    except UNREADABLE:
        try:
            for row in kind.read(connection, f"{select} ORDER BY id DESC"):
                last = row.id or last
                yield row
        except UNREADABLE:
            yield from _between(connection, kind, first + 1, last - 1)


def _last_id(connection: sqlite3.Connection, kind: Kind) -> int:
    """Return the highest id that was ever given, at most `FARTHEST`; 0 if even that cannot be read."""
    try:
        found = connection.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = ?", (kind.table,)).fetchone()[0]
    except UNREADABLE:
        return 0
    return min(found, FARTHEST) if isinstance(found, int) else 0


def _between(connection: sqlite3.Connection, kind: Kind, first: int, last: int) -> Iterator[SavedRow]:
    if first > last:
        return
    try:
        yield from [*kind.read(connection, f"{kind.select(connection)} WHERE id BETWEEN ? AND ? ORDER BY id", first, last)]
    except UNREADABLE:
        if first < last:
            middle = (first + last) // 2
            yield from _between(connection, kind, first, middle)
            yield from _between(connection, kind, middle + 1, last)
