"""A ledger's tables that are set back to what they were: what a fail-over that loses commits does, without its time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
import psycopg

from connector.cleanups.one_at_a_time import ONLY_THE_LEDGER_KNOWS
from connector.ledger.keyring import Keyring
from connector.ledger.port import Ledger
from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.postgres.standstill import Standstill
from connector.ledger.postgres.tables import TAKE_LOCK
from connector.ledger.testing.ledger_subject import every_row
from connector.model.credential import Credential
from connector.model.debts import Debt, LogoutState
from tests.ledger.ledgers import DRIVERS, KEYS, ORIGIN, SetClock, close, open_, record, request, session, untried
from tests.postgres import ADMINISTRATOR, Postgres

NEVER = Standstill(1e9)

TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"


@dataclass(frozen=True, slots=True)
class Rewindable:
    """The tables in a database."""

    server: Postgres
    database: str

    @property
    def address(self) -> str:
        return self.server.dsn(self.database)

    def keep(self) -> None:
        """Take a copy of all tables."""
        with self._connected() as connection:
            connection.execute("DROP SCHEMA IF EXISTS kept CASCADE")
            connection.execute("CREATE SCHEMA kept")
            for table in self._tables(connection):
                connection.execute(f"CREATE TABLE kept.{table} AS TABLE public.{table}".encode())
            connection.execute("CREATE TABLE kept.last_id AS SELECT last_value FROM debt_ids")

    def rewind(self) -> None:
        """Set all tables back to the copy, and the ids that are given next, too."""
        with self._connected() as connection:
            for table in self._tables(connection):
                connection.execute(f"DELETE FROM public.{table}".encode())
                connection.execute(f"INSERT INTO public.{table} TABLE kept.{table}".encode())
            connection.execute("SELECT setval('public.debt_ids', last_value) FROM kept.last_id")

    def _connected(self) -> "psycopg.Connection[tuple[object, ...]]":
        """As a transaction of the ledger: no other one is under way."""
        connection = psycopg.connect(self.server.dsn(self.database, user=ADMINISTRATOR))
        connection.execute(TAKE_LOCK.encode())
        return connection

    def _tables(self, connection: "psycopg.Connection[tuple[object, ...]]") -> list[object]:
        return [name for (name,) in connection.execute(TABLES)]


@asynccontextmanager
async def replica(database: Rewindable, standstill: Standstill = NEVER, keys: Keyring = KEYS) -> AsyncIterator[PostgresLedger]:
    made = PostgresLedger(parsed(database.address, origin="test"), keys, clock=SetClock(), standstill=standstill)
    async with made.opened():
        yield made


async def states(ledger: Ledger) -> dict[str, LogoutState]:
    """Return what became of each login of session 1 that is a debt."""
    return {debt.login_id: debt.state for debt in await every_row(ledger) if debt.login_id}


async def open_first(ledger: Ledger) -> None:
    await open_(ledger, session(1, "t1", "l1"))


async def ended_by_its_id(ledger: Ledger) -> Debt:
    """End login l1 of session 1 as a replica does that takes its credential from the ledger."""
    asked = msgspec.structs.replace(request(1, login="l1"), credential=Credential(), version=ONLY_THE_LEDGER_KNOWS)
    return await untried(ledger, asked, origin=ORIGIN, drivers=DRIVERS, logins=["l1"])


async def reopen(ledger: Ledger) -> None:
    await open_(ledger, session(1, "t2", "l2"))


async def clean_up_wholly(ledger: Ledger) -> None:
    assert await close(ledger, await record(ledger, 1, "t1", login="l1"))
