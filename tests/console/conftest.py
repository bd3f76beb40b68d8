"""A server with its console, and somebody who is in."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from connector.config.settings import ConsoleSection
from tests.conftest import do_without
from tests.console.chromium import Chromium, Window, chromium
from tests.console.visitor import Visitor, link_of, visitor_of
from tests.control.administered import Administered, administered
from tests.provision import lacking_for_browser


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Administered]:
    async with administered(tmp_path, ConsoleSection(enabled=True, port=0)) as running:
        yield running


@pytest.fixture
async def visitor(server: Administered) -> AsyncIterator[Visitor]:
    async with visitor_of(server) as inside:
        yield inside


@pytest.fixture(scope="session")
def browser() -> Iterator[Chromium]:
    if lacking := lacking_for_browser():
        do_without(lacking)
    with chromium() as running:
        yield running


@pytest.fixture
async def window(browser: Chromium, server: Administered) -> AsyncIterator[Window]:
    """A window of somebody who is in."""
    async with browser.window() as opened:
        await opened.goto(await link_of(server))
        await opened.see("Open sessions")
        yield opened
