"""A tracker for all tests, and for each the example's own files in a folder."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from connector.testing import OpsHub, opshub_at
from tests.examples.running import EXAMPLE, running
from tests.examples.tracker import Tracker, tracker


@pytest.fixture(scope="session")
def roundup_tracker() -> Iterator[Tracker]:
    with tracker() as server:
        yield server


@pytest.fixture(scope="session")
def another_tracker() -> Iterator[Tracker]:
    with tracker() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the example's files and nothing else: no store, no ledger."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "roundup", ignore=shutil.ignore_patterns("var", "__pycache__")))


@pytest.fixture
async def hub(roundup_tracker: Tracker, folder: Path) -> AsyncIterator[OpsHub]:
    """OpsHub, to which the running example is registered."""
    with running(folder, [roundup_tracker.url]) as url:
        async with opshub_at(url) as opshub:
            yield opshub
