"""The memory driver: the contract, and what only a clock of one's own can show."""

import pytest

from drivers.memory import MemoryDriver
from drivers.testing import DriverContract, MakeDriver


class TestMemory(DriverContract):
    @pytest.fixture
    def make_driver(self) -> MakeDriver:
        return lambda store="one": MemoryDriver(store, MemoryDriver.Settings())
