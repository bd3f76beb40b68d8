"""What is owed, recorded and settled: duplicates, races, retries, and what a human does."""

import asyncio
from pathlib import Path

import pytest

from connector.ledger.port import Ledger
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.debts import LogoutState
from connector.model.errors import LedgerUnavailable, NoSuchDebt
from tests.ledger.ledgers import (
    PENDING,
    START,
    SetClock,
    all_due,
    close,
    opened,
    record,
)

HOUR = 3600.0


async def test_a_start_lets_go_of_what_the_last_process_had_in_hand_and_keeps_waits(tmp_path: Path) -> None:
    clock = SetClock()
    async with opened(tmp_path, clock=clock) as ledger:
        waits, again = await record(ledger, 1), await record(ledger, 2)
        for debt in (waits, again):
            await ledger.settle(debt, state=LogoutState.OWED, outcome=PENDING, due_at=START + 100)
        in_hand = [await record(ledger, 2), *(await asyncio.gather(*(record(ledger, number) for number in range(3, 303))))]
        assert await due(ledger, START + 1) == []
    clock.now = START - 1_000  # whatever the clock says by now
    async with opened(tmp_path, clock=clock) as ledger:
        taken_up = [await record(ledger, 2), await record(ledger, 1_000)]
        await ledger.let_go()
        assert await due(ledger, clock.now) == [debt.id for debt in in_hand[1:]]
        assert await due(ledger, START + 100) == sorted(debt.id for debt in [waits, *in_hand, taken_up[1]])


async def due(ledger: Ledger, now: float) -> list[int]:
    return sorted(debt.id for debt in await all_due(ledger, now))


async def test_an_unknown_row_cannot_be_shown_nor_settled(ledger: SqliteLedger, clock: SetClock) -> None:
    debt = await record(ledger, 1)
    await close(ledger, debt)
    clock.now += 86_401
    await ledger.tidy()
    with pytest.raises(NoSuchDebt):
        await ledger.debt(debt.id)
    assert await ledger.settle(debt, state=LogoutState.OWED) is None


async def test_closed_rows_are_remembered_for_a_day_and_their_ids_never_used_again(ledger: SqliteLedger, clock: SetClock) -> None:
    debts = await asyncio.gather(*(record(ledger, number) for number in range(450)))
    await asyncio.gather(*(close(ledger, debt) for debt in debts))
    clock.now += 86_399
    await ledger.tidy()
    assert (await ledger.statistics()).closed == 450
    clock.now += 2
    await ledger.tidy()
    assert (await ledger.statistics()).closed == 0
    assert (await record(ledger, 1)).id == 451


async def test_rows_closed_by_a_clock_that_was_far_ahead_are_forgotten_too(ledger: SqliteLedger, clock: SetClock) -> None:
    clock.now += 10 * 365 * 86_400
    await close(ledger, await record(ledger, 1))
    clock.now = START
    await ledger.tidy()
    assert (await ledger.statistics()).closed == 0


async def test_after_the_end_every_call_says_that_it_is_closed(ledger: SqliteLedger) -> None:
    await ledger.aclose()
    await ledger.aclose()
    with pytest.raises(LedgerUnavailable, match="closed"):
        await record(ledger, 1)
