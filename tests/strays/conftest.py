"""Sessions."""

from uuid import uuid4

import pytest


@pytest.fixture
def session() -> str:
    return str(uuid4())
