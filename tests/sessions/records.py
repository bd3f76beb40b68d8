"""What the ledger in a folder says of sessions, once no server has it open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from connector.config.variables import KEYS_VARIABLE
from connector.ledger.sql.table import Table
from connector.ledger.sqlite.store import SqliteLedger
from connector.preflight.keyfile import parsed
from tests.sessions.served import KEYS

KEYRING = parsed(KEYS[KEYS_VARIABLE], origin="the test")


@asynccontextmanager
async def ledger_in(folder: Path) -> AsyncIterator[SqliteLedger]:
    async with SqliteLedger(folder / "ledger.sqlite3", KEYRING, grace=60).opened() as ledger:
        yield ledger


async def open_sessions(folder: Path) -> set[str]:
    """The ids of those that are open, by rows that verify."""
    async with ledger_in(folder) as ledger:
        found = await ledger.known_sessions()
        assert (found.keyless, found.damaged) == (0, 0)
        return {*found.logins}


async def used_at(folder: Path) -> dict[str, float]:
    """When the open sessions were used last."""

    def read(table: Table) -> dict[str, float]:
        return dict(table.connection.execute("SELECT session_id, used_at FROM sessions").fetchall())

    async with ledger_in(folder) as ledger:
        return await ledger.transact(read)
