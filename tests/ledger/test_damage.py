"""Bits that turn anywhere in the file: a message, or a ledger that acts on nothing but what was written."""

import asyncio
import os
import random
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from connector.ledger.sqlite.store import SqliteLedger
from connector.model.debts import Debt
from connector.model.errors import ConfigurationError, LedgerUnavailable
from tests.ledger.ledgers import DRIVERS, NAME, START, close, opened, record

RESERVE = f"{NAME}.reserve"
ROWS = 40
COPIES = 150


async def acted_upon(ledger: SqliteLedger) -> list[Debt]:
    """Take what is due and what evictions are owed, settle one, and record another: whatever a server does."""
    due = await ledger.claim_due(START + 4000, per_origin=ROWS, limit=10 * ROWS)
    evictions = [debt for driver in DRIVERS for debt in await ledger.owed_evictions(driver)]
    for debt in due[:1]:
        await close(ledger, debt)
    await record(ledger, 5000)
    await ledger.statistics()
    await ledger.listing()
    await ledger.tidy()
    return due + evictions


@pytest.mark.slow
@pytest.mark.parametrize("part", [NAME, f"{NAME}-wal"])
async def test_turned_bits_never_lead_to_a_crash_without_a_message_nor_to_an_altered_row(tmp_path: Path, part: str) -> None:
    original = tmp_path / "original"
    async with opened(original) as ledger:
        debts = await asyncio.gather(
            *(record(ledger, number, origin=f"https://{number % 3}.example.com") for number in range(ROWS))
        )
        if part == NAME:
            await ledger.tidy()
        shutil.copytree(original, tmp_path / "copy")
    at_once = [replace(debt, due_at=START) for debt in debts]  # a start makes what was in hand due
    written = [*debts, *at_once, *(replace(debt, credential=None) for debt in (*debts, *at_once))]
    chance = random.Random(part)
    worked, messages = 0, set[str]()
    for _ in range(COPIES):
        copy = damaged_copy(tmp_path, part, chance)
        try:
            async with opened(copy) as ledger:
                altered = [debt for debt in await acted_upon(ledger) if debt not in written]
            assert altered == []
            worked += 1
        except (ConfigurationError, LedgerUnavailable) as told:
            messages.add(str(told))
        shutil.rmtree(copy)
    assert worked > COPIES / 2
    assert "" not in messages


def damaged_copy(folder: Path, part: str, chance: random.Random) -> Path:
    copy = folder / "damaged"
    copy.mkdir()
    for name in (NAME, f"{NAME}-wal"):
        shutil.copy(folder / "copy" / name, copy / name)
    (copy / RESERVE).touch()
    os.truncate(copy / RESERVE, (folder / "copy" / RESERVE).stat().st_size)
    content = bytearray((copy / part).read_bytes())
    for _ in range(chance.choice([1, 1, 3, 30])):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    (copy / part).write_bytes(content)
    return copy
