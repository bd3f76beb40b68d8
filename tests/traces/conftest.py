"""A collector, an end system, and sessions."""

from collections.abc import AsyncIterator

import pytest

from tests.sessions.conftest import desk, session
from tests.traces.collector import Collector

__all__ = ["collector", "desk", "session"]


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as taking:
        yield taking
