"""Looking into a ledger that no server has open: nothing is locked, and no row is changed."""

import sqlite3
import sys
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from connector.ledger.keyring import Keyring
from connector.ledger.port import ShownDebts, ShownSessions
from connector.ledger.sql import held, housekeeping, selection, session_listing, ticks
from connector.ledger.sql.selection import Claimed
from connector.ledger.sql.table import Table
from connector.ledger.sqlite.file_table import FileTable
from connector.ledger.sqlite.inspection import connected, damage_of
from connector.ledger.sqlite.opening import refusals
from connector.ledger.sqlite.schema import MIGRATIONS, migrate, version
from connector.model.debts import Debt, LogoutState, Totals
from connector.model.errors import ConfigurationError
from connector.model.listed import EVERY, ListedSession, Wanted
from connector.runtime.file_access import is_there


class LedgerAtRest(ShownDebts, ShownSessions):
    """Shows what a ledger's file holds while no server has it open."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def listing(
        self, *, states: Collection[LogoutState] | None = None, system: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[Debt]:
        return housekeeping.listing(self._table, states, system, after=after, limit=limit)

    async def session_listing(self, wanted: Wanted = EVERY, *, after: int = 0, limit: int = 1000) -> list[ListedSession]:
        now = ticks.read(self._table)
        return session_listing.listing(self._table, wanted, now=now, after=after, limit=limit)

    async def debt(self, id_: int) -> Debt:
        return housekeeping.debt(self._table, id_)

    async def statistics(self) -> Totals:
        return housekeeping.totals(self._table)

    async def held_back(self) -> dict[str, int]:
        return held.held_back(self._table)

    async def next_due(self, now: float, *, per_origin: int = sys.maxsize) -> float | None:
        return selection.next_due(self._table, now, Claimed(per_origin))


@contextmanager
def opened_read_only(path: Path, keyring: Keyring) -> Iterator[Table]:
    """Open the ledger for whatever only looks at its rows.

    Raises:
        ConfigurationError: there is no ledger, it cannot be read, it is damaged, or of a newer version.
    """
    with refusals(path):
        if not is_there(path):
            raise ConfigurationError([f"ledger.path: {path}: there is no ledger"])
        path.open("rb").close()  # SQLite does not say why it cannot
        if damage := damage_of(path):
            raise ConfigurationError([f"ledger.path: {path}: is damaged ({damage}); the server saves what it can when it starts"])
        with closing(connected(path, "ro")) as connection, closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
            yield FileTable(_of_today(connection, copy), keyring, may_write=False)


def _of_today(connection: sqlite3.Connection, copy: sqlite3.Connection) -> sqlite3.Connection:
    """Return what has today's layout: the ledger itself or, if an older version wrote it, a copy of it in memory."""
    if version(connection) == len(MIGRATIONS):
        return connection
    connection.backup(copy)
    migrate(copy)
    return copy
