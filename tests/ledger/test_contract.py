"""Both ledgers keep the contract: the one in SQLite, and the one in memory that stands in for it."""

from pathlib import Path

import pytest

from connector.ledger.testing import (
    GRACE,
    LedgerContract,
    MakeLedger,
    MemoryLedger,
    MemoryStore,
    SetClock,
    SharedLedgerContract,
    Spoil,
)
from connector.ledger.testing.before_sending import BeforeSending
from connector.model.debts import Debt
from tests.ledger.ledgers import ledger, raw


class TestSqlite(LedgerContract):
    @pytest.fixture
    def make_ledger(self, tmp_path: Path, clock: SetClock) -> MakeLedger:
        return lambda keyring: ledger(tmp_path, keyring, clock)

    @pytest.fixture
    def spoil(self, tmp_path: Path) -> Spoil:
        def alter(debt: Debt) -> None:
            with raw(tmp_path) as file:
                file.execute("UPDATE debts SET attempts = attempts + 7 WHERE id = ?", (debt.id,))

        return alter


class TestMemory(SharedLedgerContract):
    sealed = False

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def make_ledger(self, store: MemoryStore, clock: SetClock) -> MakeLedger:
        return lambda _: MemoryLedger(store, grace=GRACE, clock=clock)

    @pytest.fixture
    def spoil(self, store: MemoryStore) -> Spoil:
        return lambda debt: store.spoil(debt.id)


class TestMemoryOfOneOwner(BeforeSending):
    @pytest.fixture
    def make_ledger(self, clock: SetClock) -> MakeLedger:
        return lambda _: MemoryLedger(grace=GRACE, clock=clock)
