"""The SQLite driver: the contract."""

from pathlib import Path

import pytest

from drivers.sqlite import SqliteDriver
from drivers.testing import DriverContract, MakeDriver


class TestSqlite(DriverContract):
    @pytest.fixture
    def make_driver(self, tmp_path: Path) -> MakeDriver:
        return lambda store="one": SqliteDriver("sqlite", SqliteDriver.Settings(path=tmp_path / f"{store}.sqlite3"))
