"""A connector with an author's routes, as shipped."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.sessions.served import Served, served
from tests.sessions.test_in_use import ROUTES


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path, routes=ROUTES) as running:
        yield running


@pytest.fixture
def session() -> str:
    return str(uuid4())
