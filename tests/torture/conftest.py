"""What the torture needs of the machine. All of it is long by nature."""

from pathlib import Path

import pytest

from tests.conftest import do_without
from tests.torture.tracing import lacking


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave whatever lies in this folder to `make verify`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def ptrace() -> None:
    """Skip the test where no process may be traced; in CI, fail it."""
    if reason := lacking():
        do_without(reason)
