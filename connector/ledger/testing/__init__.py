"""What every ledger has to keep, as a pytest class that the author of a store derives from; and a ledger in memory.

    class TestMyLedger(LedgerContract):
        @pytest.fixture
        def make_ledger(self, tmp_path: Path, clock: SetClock) -> MakeLedger:
            return lambda keyring: MyLedger(tmp_path, keyring, grace=GRACE, clock=clock)

        @pytest.fixture
        def spoil(self, tmp_path: Path) -> Spoil:
            return lambda debt: overwrite(tmp_path, debt.id)

A store that may have several owners derives from `SharedLedgerContract`. `MemoryLedger` passes it, and stands in for a ledger in
tests. The tests are coroutines: pytest-asyncio runs them with `asyncio_mode = auto`. Needs the packages of the extra `test`.
"""

from pkgutil import iter_modules

import pytest

# Before the modules are imported, so that their asserts explain themselves in the project of whoever derives from them.
pytest.register_assert_rewrite(*(f"connector.ledger.testing.{part.name}" for part in iter_modules(__path__)))

from connector.ledger.testing.ledger_contract import LedgerContract, SharedLedgerContract  # noqa: E402
from connector.ledger.testing.ledger_subject import GRACE, MakeLedger, SetClock, Spoil  # noqa: E402
from connector.ledger.testing.memory_ledger import MemoryLedger  # noqa: E402
from connector.ledger.testing.memory_store import MemoryStore  # noqa: E402

__all__ = [
    "GRACE",
    "LedgerContract",
    "MakeLedger",
    "MemoryLedger",
    "MemoryStore",
    "SetClock",
    "SharedLedgerContract",
    "Spoil",
]
