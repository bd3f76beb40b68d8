"""An open ledger in a folder of its own, with a clock that the test sets."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connector.ledger.sqlite.store import SqliteLedger
from tests.ledger.ledgers import SetClock, opened
from tests.ledger.rewound import Rewindable
from tests.postgres import Postgres


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def database(postgres: Postgres) -> Rewindable:
    return Rewindable(postgres, postgres.new_database())


@pytest.fixture
async def ledger(tmp_path: Path, clock: SetClock) -> AsyncIterator[SqliteLedger]:
    async with opened(tmp_path, clock=clock) as open_ledger:
        yield open_ledger
