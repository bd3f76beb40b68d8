"""The ledger in PostgreSQL keeps the contract, with several owners at once, and behind PgBouncer as well."""

import math

import psycopg
import pytest

from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.postgres.standstill import Standstill
from connector.ledger.testing import MakeLedger, SetClock, SharedLedgerContract, Spoil
from connector.model.debts import Debt
from tests.postgres import USER, Postgres
from tests.servers import RealServer


@pytest.fixture(scope="class")
def made(postgres: Postgres) -> str:
    return postgres.new_database()


class TestPostgres(SharedLedgerContract):
    @pytest.fixture
    def database(self, postgres: Postgres, made: str) -> str:
        """An empty one: PgBouncer keeps connections to each database that it was asked for."""
        for statement in ("DROP SCHEMA public CASCADE", f"CREATE SCHEMA public AUTHORIZATION {USER}"):
            postgres.administer(statement, made)
        return made

    @pytest.fixture
    def address(self, postgres: Postgres, database: str) -> str:
        return postgres.dsn(database)

    @pytest.fixture
    def make_ledger(self, address: str, clock: SetClock) -> MakeLedger:
        standstill = Standstill(self.gone_after, counted=math.inf, clock=clock)
        return lambda keyring: PostgresLedger(parsed(address, origin="test"), keyring, clock=clock, standstill=standstill)

    @pytest.fixture
    def spoil(self, address: str) -> Spoil:
        def alter(debt: Debt) -> None:
            with psycopg.connect(address) as connection:
                connection.execute("UPDATE debts SET attempts = attempts + 7 WHERE id = %s", (debt.id,))

        return alter


class TestPostgresBehindPgBouncer(TestPostgres):
    @pytest.fixture
    def address(self, postgres: Postgres, bouncer: RealServer, database: str) -> str:
        return postgres.dsn(database, port=bouncer.port)
