"""The contract of a driver as a pytest class, from which the author of a driver derives.

    class TestMyDriver(DriverContract):
        @pytest.fixture
        def make_driver(self, tmp_path: Path) -> MakeDriver:
            return lambda store="one": MyDriver("mine", MyDriver.Settings(path=tmp_path / store))

The tests are coroutines: pytest-asyncio runs them with `asyncio_mode = auto`. Needs the packages of the extra `test`.
"""

from pkgutil import iter_modules

import pytest

# Before the modules are imported, so that their asserts explain themselves also in the project of a driver's author.
pytest.register_assert_rewrite(*(f"drivers.testing.{part.name}" for part in iter_modules(__path__)))

from drivers.testing.driver_contract import DriverContract  # noqa: E402
from drivers.testing.subject import MakeDriver  # noqa: E402

__all__ = ["DriverContract", "MakeDriver"]
