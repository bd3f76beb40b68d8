"""A fleet, its end system, and a session."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from uuid import uuid4

import pytest

from connector.app import MakeLedger
from connector.assembly.ledgers import ledger_of
from connector.config.settings import LedgerSection, Settings
from connector.ledger.keyring import Keyring
from connector.ledger.port import Ledger
from connector.ledger.testing import MemoryLedger, MemoryStore
from tests.drivers.stores import fresh_namespace
from tests.fleet.replicas import Fleet
from tests.postgres import Postgres
from tests.servers import RealServer
from tests.sessions.desk import Desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with Desk() as system:
        yield system


@pytest.fixture
def session() -> str:
    return str(uuid4())


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(params=["memory", "postgres"])
def kept_in(request: pytest.FixtureRequest) -> str:
    """Where the ledger is that the replicas share."""
    return str(request.param)


@pytest.fixture
def make_ledger(kept_in: str, store: MemoryStore, request: pytest.FixtureRequest) -> MakeLedger:
    """What makes the ledger of each replica."""
    return (lambda *_: MemoryLedger(store)) if kept_in == "memory" else in_postgres(request.getfixturevalue("postgres"))


def in_postgres(server: Postgres) -> MakeLedger:
    """As a configuration makes it that names a new database."""
    dsn = server.dsn(server.new_database())

    def make(settings: Settings, keyring: Keyring, clock: Callable[[], float]) -> Ledger:
        section = LedgerSection(store="postgres", dsn_env="LEDGER_DSN")
        return ledger_of(settings.model_copy(update={"ledger": section}), keyring, clock, environ={"LEDGER_DSN": dsn})

    return make


@pytest.fixture
def fleet(tmp_path: Path, redis: RealServer, desk: Desk, make_ledger: MakeLedger) -> Fleet:
    """What makes replicas on one ledger."""
    return Fleet(tmp_path, redis, fresh_namespace(), desk, make_ledger)
