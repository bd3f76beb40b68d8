"""What every driver has to withstand, as a pytest class that the author of a driver derives from.

    class TestMyDriver(DriverContract):
        @pytest.fixture
        def make_driver(self, tmp_path: Path) -> MakeDriver:
            return lambda store="one": MyDriver("mine", MyDriver.Settings(path=tmp_path / store))

The tests are coroutines: pytest-asyncio runs them with `asyncio_mode = auto`. Needs the packages of the extra `test`.
"""

import pytest

# Before the modules are imported, so that their asserts explain themselves in the project of whoever derives from them.
for part in ("subject", "entries", "evictions", "stamps", "races", "lifecycle", "model"):
    pytest.register_assert_rewrite(f"drivers.testing.{part}")

from drivers.testing.driver_contract import DriverContract  # noqa: E402
from drivers.testing.subject import MakeDriver  # noqa: E402

__all__ = ["DriverContract", "MakeDriver"]
