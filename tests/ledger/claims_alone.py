"""Claims on PostgreSQL alone, for the mutants: with the contract they take minutes."""

import math

import pytest

from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.postgres.standstill import Standstill
from connector.ledger.testing import MakeLedger, SetClock
from connector.ledger.testing.before_sending import BeforeSending
from connector.ledger.testing.first_tries import SharedFirstTries
from connector.ledger.testing.refresh_claims import SharedRefreshing
from connector.ledger.testing.unanswered_refreshes import SharedUnansweredRefreshes, UnansweredRefreshes
from tests.postgres import Postgres


class TestClaims(BeforeSending, SharedFirstTries, SharedRefreshing, UnansweredRefreshes, SharedUnansweredRefreshes):
    shared = True

    @pytest.fixture
    def make_ledger(self, postgres: Postgres, clock: SetClock) -> MakeLedger:
        address = parsed(postgres.dsn(postgres.new_database()), origin="test")
        standstill = Standstill(self.gone_after, counted=math.inf, clock=clock)
        return lambda keyring: PostgresLedger(address, keyring, clock=clock, standstill=standstill)
