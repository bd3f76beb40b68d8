"""A fleet, its end system, and a session."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from connector.ledger.testing import MemoryLedger, MemoryStore
from tests.drivers.stores import fresh_namespace
from tests.e2e.connector_process import WITHIN
from tests.fleet.replicas import Fleet
from tests.servers import RealServer
from tests.sessions.desk import Desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with Desk() as system, asyncio.timeout(2 * WITHIN):
        yield system


@pytest.fixture
def session() -> str:
    return str(uuid4())


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def fleet(tmp_path: Path, redis: RealServer, desk: Desk, store: MemoryStore) -> Fleet:
    """What makes replicas on one ledger in memory."""
    return Fleet(tmp_path, redis, fresh_namespace(), desk, lambda *_: MemoryLedger(store))


@pytest.fixture
def another_fleet(fleet: Fleet, own_redis: RealServer) -> Fleet:
    """The same fleet after its Redis was split: with the same ledger, and another master."""
    return replace(fleet, redis=own_redis)
