"""An end system, and sessions."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.e2e.connector_process import WITHIN
from tests.sessions.desk import Desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with Desk() as system, asyncio.timeout(2 * WITHIN):
        yield system


@pytest.fixture
def session() -> str:
    return str(uuid4())
