"""From the file to the application: each part is made once, and the one that was checked is the one that serves."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from connector.app import PARTS, create_app
from connector.preflight.loading import load
from drivers import DriverSettings
from drivers.memory import MemoryDriver
from tests.doubles import ScriptedEndSystem

KEYS = {"CONNECTOR_LEDGER_KEYS": f"one:{'k' * 42}A"}
CONFIG = f"""
storage.drivers = ["near", "authority"]
storage.near.driver = "{__name__}.CountedDriver"
storage.authority.driver = "{__name__}.CountedDriver"
end_system.profile = "{__name__}.CountedEndSystem"
metrics.enabled = false
"""


class CountedEndSystem(ScriptedEndSystem):
    """Counts how often it is made."""

    made: ClassVar[list[object]] = []

    def __init__(self, *settings: Any, **options: Any) -> None:
        super().__init__(*settings, **options)
        self.made.append(self)


class CountedDriver(MemoryDriver):
    """Counts how often it is made."""

    made: ClassVar[list[object]] = []

    def __init__(self, name: str, settings: DriverSettings) -> None:
        super().__init__(name, settings)
        self.made.append(self)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    CountedEndSystem.made.clear()
    CountedDriver.made.clear()
    (tmp_path / "config.toml").write_text(CONFIG)
    return tmp_path / "config.toml"


async def test_an_application_of_a_file_makes_its_end_system_and_drivers_once(file: Path) -> None:
    parts = create_app(file, environ=KEYS)[PARTS]

    assert CountedEndSystem.made == [parts.end_system]
    assert CountedDriver.made == [*parts.storage.drivers]


async def test_a_server_serves_with_the_parts_that_its_start_has_checked(file: Path) -> None:
    parts = create_app(load(file, KEYS), environ=KEYS)[PARTS]

    assert CountedEndSystem.made == [parts.end_system]
    assert CountedDriver.made == [*parts.storage.drivers]
