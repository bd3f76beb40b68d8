"""A server under administration."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.control.administered import Administered, administered


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Administered]:
    async with administered(tmp_path) as running:
        yield running
