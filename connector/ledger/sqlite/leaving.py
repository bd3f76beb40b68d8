"""A ledger's file that moves to another store: it is read, and then marked, so that no server ever starts with it again."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from enum import Enum, auto
from functools import cached_property
from pathlib import Path

from connector.ledger.keyring import KeyMissing, Keyring
from connector.ledger.sql.moving import COLUMNS, MOVED, Row
from connector.ledger.sqlite.inspection import connected, damage_of, moved_to
from connector.ledger.sqlite.lock import Lock
from connector.ledger.sqlite.opening import must_be_there, refusals
from connector.ledger.sqlite.salvage import AUDIT, DEBTS, OPENINGS, SESSIONS
from connector.ledger.sqlite.schema import migrate, version
from connector.ledger.unverified import Unverified
from connector.model.errors import ConfigurationError

KINDS = {kind.table: kind for kind in (DEBTS, SESSIONS, OPENINGS, AUDIT)}
KEYED = ("debts", "sessions", "openings")
"""The tables whose rows have a code that a key has made."""
NOT_ITS_KEYS = (
    "none of the {} rows of {} verifies with these keys. Put its own keys into ledger.key_file, or into CONNECTOR_LEDGER_KEYS."
    " If they are lost, dismiss these rows first; if the rows were altered, a server that starts with the file puts them in"
    " quarantine"
)


class RowVerdict(Enum):
    """What a row is found to be."""

    SOUND = auto()
    WITHOUT_KEY = auto()
    DAMAGED = auto()


class Leaving:
    """What a file holds, while nobody else uses it."""

    def __init__(self, path: Path, connection: sqlite3.Connection, keyring: Keyring) -> None:
        self.path = path
        self._connection = connection
        self._keyring = keyring

    @property
    def ids(self) -> list[bytes]:
        """The random words that seals name."""
        return [bytes(id_) for (id_,) in self._connection.execute("SELECT id FROM identity ORDER BY id")]

    def last_id(self, table: str) -> int:
        """Return the highest id that a row of a table ever had; 0 if there was none."""
        query = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?"
        return int(self._connection.execute(query, (table,)).fetchone()[0])

    def rows(self, table: str) -> Iterator[Row]:
        """Yield the rows of a table, the lowest id first. Those that do not verify stay behind, and the track of them is lost."""
        for row in self._all(table):
            if table not in KINDS or self._verdict(table, row) is not RowVerdict.DAMAGED:
                yield row
        if table == "lost_track" and (number := self.damaged()):
            yield (f"~ when the ledger moved, rows did not verify: {number}",)

    def size(self) -> int:
        """Count all rows that may move."""
        return sum(self._count(table) for table in COLUMNS)

    def damaged(self) -> int:
        """Count the rows that do not verify."""
        return self._found[RowVerdict.DAMAGED]

    def without_key(self) -> int:
        """Count the rows whose key is missing. They move as they are."""
        return self._found[RowVerdict.WITHOUT_KEY]

    def must_verify(self) -> None:
        """Raise `ConfigurationError` if there are rows that keys have made, and none of them verifies."""
        number = sum(self._count(table) for table in KEYED)
        if number and not self._found[RowVerdict.SOUND]:
            raise ConfigurationError([f"ledger.key_file: {NOT_ITS_KEYS.format(number, self.path)}"])

    def moved_to(self) -> str | None:
        """Return where it has gone, or is about to; None if it is not marked."""
        return moved_to(self._connection)

    def mark(self, target: str) -> None:
        """Record durably that the ledger is at `target` from now on. Raises `ConfigurationError` if it is elsewhere already."""
        if earlier := moved_to(self._connection):
            if earlier != target:
                raise ConfigurationError([f"{self.path}: was moved to {earlier}, and so cannot move to {target}"])
            return
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("CREATE TABLE moved (target TEXT NOT NULL) STRICT")
        self._connection.execute("INSERT INTO moved VALUES (?)", (target,))
        self._connection.execute(f"PRAGMA user_version = {MOVED + version(self._connection)}")
        self._connection.execute("COMMIT")

    def _count(self, table: str) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - names of our own

    @cached_property
    def _found(self) -> Counter[RowVerdict]:
        """How many rows were found to be what. Lines of the audit log have no code, and so only count if they are damaged."""
        of_log = Counter(self._verdict("audit", row) for row in self._all("audit"))
        of_keys = Counter(self._verdict(table, row) for table in KEYED for row in self._all(table))
        return of_keys + Counter({RowVerdict.DAMAGED: of_log[RowVerdict.DAMAGED]})

    def _all(self, table: str) -> Iterator[Row]:
        names = ", ".join(COLUMNS[table])
        return self._connection.execute(f"SELECT {names} FROM {table} ORDER BY 1")  # noqa: S608 - names of our own

    def _verdict(self, table: str, row: Row) -> RowVerdict:
        kind = KINDS[table]
        try:
            kind.verify(kind.row._make(row), self._keyring)
        except KeyMissing:
            return RowVerdict.WITHOUT_KEY  # readers verify it anyway
        except Unverified:
            return RowVerdict.DAMAGED
        return RowVerdict.SOUND


@contextmanager
def leaving(path: Path, keyring: Keyring) -> Iterator[Leaving]:
    """Take hold of a ledger's file that is to move, or has begun to.

    Raises:
        RefusedForNow: a server uses it.
        ConfigurationError: there is none, or it is damaged.
    """
    lock = Lock(path)
    with refusals(path):
        must_be_there(path)
        lock.acquire()
        try:
            with closing(connected(path, "rw")) as connection:
                if moved_to(connection) is None:
                    _make_ready(path, connection)
                yield Leaving(path, connection, keyring)
        finally:
            lock.release()


def _make_ready(path: Path, connection: sqlite3.Connection) -> None:
    if damage := damage_of(path):
        hint = "a server that starts with it saves what it can; move it then"
        raise ConfigurationError([f"ledger.path: {path}: is damaged ({damage}); {hint}"])
    migrate(connection)
