"""A ledger's tables that are set back to what they were: what a fail-over that loses commits does, without its time."""

from dataclasses import dataclass

import psycopg

from connector.ledger.postgres.tables import TAKE_LOCK
from tests.postgres import ADMINISTRATOR, Postgres

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
