"""A client, and the log."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from connector.config.settings import LogsSection
from tests.api.log import Log, logged
from tests.api.serving import PATIENCE


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE)) as session:
        yield session


@pytest.fixture
def log() -> Iterator[Log]:
    """The JSON log of the test."""
    with logged(LogsSection(format="json")) as lines:
        yield lines
