"""What is held back from an end system that it is not of, and let go when the right one is back."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connector.ledger.port import Ledger
from connector.ledger.sql.held import SLICE
from connector.model.debts import Debt, LogoutState
from connector.model.errors import DebtHeldBack
from connector.model.outcomes import NO_LOGOUT
from connector.workers import holding as module
from drivers.memory import MemoryDriver
from tests.assembly import holding, orchestrator
from tests.doubles import LocatedEndSystem
from tests.ledger.ledgers import ONLY_NEW, ORIGIN, REFUSED, START, all_due, opened, raw, record

ELSEWHERE = "https://elsewhere.example.com"
MANY = 2 * SLICE + 1


async def states(ledger: Ledger) -> dict[tuple[str, str | None], int]:
    """How many debts there are in which state and with which answer."""
    return Counter((debt.state.value, debt.outcome.code if debt.outcome else None) for debt in await ledger.listing(limit=10_000))


async def test_all_that_is_of_another_end_system_is_held_back_and_let_go_when_it_is_back(ledger: Ledger) -> None:
    await asyncio.gather(*(record(ledger, number) for number in range(MANY)))
    await record(ledger, MANY, origin=ELSEWHERE)
    with capture_logs() as logs:
        await holding(ledger, LocatedEndSystem(ELSEWHERE)).sort()
    assert await states(ledger) == {("waiting", "other_end_system"): MANY, ("owed", None): 1}
    assert [(line["logouts"], line["made_for"]) for line in logs] == [(MANY, {ORIGIN: MANY})]

    with capture_logs() as logs:
        await holding(ledger, LocatedEndSystem(ORIGIN)).sort()
    assert await states(ledger) == {("owed", None): MANY, ("waiting", "other_end_system"): 1}
    assert [(line["logouts"], line["made_for"]) for line in logs] == [(1, {ELSEWHERE: 1})]
    assert len(await all_due(ledger, START)) == MANY


async def test_where_nothing_can_be_ended_all_is_held_back_with_that_reason(ledger: Ledger) -> None:
    await record(ledger, 1)
    await holding(ledger, LocatedEndSystem(ELSEWHERE)).sort()
    await holding(ledger, LocatedEndSystem(ORIGIN, ends_sessions=False)).sort()
    assert await states(ledger) == {("waiting", "no_logout"): 1}


async def test_what_the_end_system_has_refused_waits_on_as_it_is(ledger: Ledger) -> None:
    debt = await record(ledger, 1)
    await ledger.settle(debt, state=LogoutState.WAITING, outcome=REFUSED)
    for end_system in (LocatedEndSystem(ELSEWHERE), LocatedEndSystem(ORIGIN)):
        await holding(ledger, end_system).sort()
    assert await states(ledger) == {("waiting", REFUSED.code): 1}


async def test_a_ledger_that_cannot_be_written_is_sorted_later(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)
    await record(ledger, 1)
    with raw(tmp_path) as file, capture_logs() as logs:
        file.execute("BEGIN IMMEDIATE")
        sorting = asyncio.ensure_future(holding(ledger, LocatedEndSystem(ORIGIN, ends_sessions=False)).sort())
        while not logs:
            await asyncio.wait([sorting], timeout=0.01)
    await sorting
    assert "cannot be looked through" in logs[0]["event"]
    assert await states(ledger) == {("waiting", NO_LOGOUT.code): 1}


async def test_a_debt_whose_key_is_missing_holds_up_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await record(ledger, 1)
    async with opened(tmp_path, ONLY_NEW) as ledger:
        await record(ledger, 2)
        await holding(ledger, LocatedEndSystem(ORIGIN, ends_sessions=False)).sort()
        assert [debt.outcome for debt in await ledger.listing()] == [None, NO_LOGOUT]


async def held_back(ledger: Ledger, end_system: LocatedEndSystem, number: int = 1) -> Debt:
    """Have a debt held back from an end system that it is not of."""
    debt = await record(ledger, number)
    await holding(ledger, end_system).sort()
    return await ledger.debt(debt.id)


async def test_a_retry_by_hand_of_what_is_held_back_is_refused_with_both_addresses(ledger: Ledger) -> None:
    elsewhere = LocatedEndSystem(ELSEWHERE)
    held = await held_back(ledger, elsewhere)
    with pytest.raises(DebtHeldBack) as refused:
        await holding(ledger, elsewhere).make_due(held.id)
    assert all(part in str(refused.value) for part in (ORIGIN, ELSEWHERE, "--here"))
    assert await ledger.debt(held.id) == held


async def test_what_today_s_profile_cannot_end_is_sent_nowhere_not_even_by_hand(ledger: Ledger) -> None:
    nowhere = LocatedEndSystem(ELSEWHERE, ends_sessions=False)
    held = await held_back(ledger, nowhere)
    for here in (False, True):
        with pytest.raises(DebtHeldBack, match=r"end_system\.profile"):
            await holding(ledger, nowhere).make_due(held.id, here=here)


async def test_a_retry_here_sends_it_to_today_s_end_system_and_is_written_down(tmp_path: Path) -> None:
    elsewhere = LocatedEndSystem(ELSEWHERE)
    async with opened(tmp_path) as ledger:
        held = await held_back(ledger, elsewhere)
        with capture_logs() as logs:
            await holding(ledger, elsewhere).make_due(held.id, here=True)
        (due,) = await all_due(ledger)
        assert await orchestrator(elsewhere, [MemoryDriver("memory", MemoryDriver.Settings())], ledger).retry(due)
    async with opened(tmp_path) as ledger:
        closed = await ledger.debt(held.id)

    assert [asked.credential for asked in elsewhere.asked] == [due.credential]
    assert [(line["made_for"], line["sent_to"]) for line in logs] == [(ORIGIN, ELSEWHERE)]
    assert (closed.state, closed.origin, closed.moved_to) == (LogoutState.CLOSED, ORIGIN, ELSEWHERE)


async def test_a_debt_that_may_be_sent_here_may_be_sent_home_but_to_no_third_one(ledger: Ledger) -> None:
    held = await held_back(ledger, LocatedEndSystem(ELSEWHERE))
    await holding(ledger, LocatedEndSystem(ELSEWHERE)).make_due(held.id, here=True)
    for place, expected in ((ORIGIN, "owed"), ("https://third.example.com", "waiting"), (ELSEWHERE, "owed")):
        await holding(ledger, LocatedEndSystem(place)).sort()
        assert (await ledger.debt(held.id)).state == expected


async def test_what_nothing_holds_back_is_retried_by_hand_with_here_or_without(ledger: Ledger) -> None:
    debt = await record(ledger, 1)
    for here in (False, True):
        retried = await holding(ledger, LocatedEndSystem(ORIGIN)).make_due(debt.id, here=here)
        assert (retried.state, retried.moved_to) == (LogoutState.OWED, None)


async def test_what_is_held_back_is_told_of_once_however_often_the_retries_begin_anew(ledger: Ledger) -> None:
    await record(ledger, 1)
    held = holding(ledger, LocatedEndSystem(ELSEWHERE))
    with capture_logs() as logs:
        for _ in range(2):
            await held.sort()
    assert len(logs) == 1
