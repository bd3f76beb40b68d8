"""An end system, and sessions."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from tests.sessions.desk import Desk


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with Desk() as system:
        yield system


@pytest.fixture
def session() -> str:
    return str(uuid4())
