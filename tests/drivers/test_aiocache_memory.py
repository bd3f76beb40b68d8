"""The aiocache driver in this process's memory."""

import pytest

from drivers.aiocached import AiocacheDriver, AiocacheSettings
from drivers.testing import DriverContract, MakeDriver


class TestAiocacheMemory(DriverContract):
    @pytest.fixture
    def make_driver(self) -> MakeDriver:
        return lambda store="one": AiocacheDriver(store, AiocacheSettings(backend="memory"))
