"""A server with its console, and somebody who is in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connector.config.settings import ConsoleSection
from tests.console.visitor import Visitor, visitor_of
from tests.control.administered import Administered, administered


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Administered]:
    async with administered(tmp_path, ConsoleSection(enabled=True, port=0)) as running:
        yield running


@pytest.fixture
async def visitor(server: Administered) -> AsyncIterator[Visitor]:
    async with visitor_of(server) as inside:
        yield inside
