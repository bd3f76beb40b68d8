"""What the torture needs of the machine."""

import os

import pytest

from tests.torture.tracing import lacking


@pytest.fixture(scope="session")
def ptrace() -> None:
    """Skip the test where no process may be traced; in CI, fail it."""
    if reason := lacking():
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
