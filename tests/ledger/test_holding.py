"""What is held back from an end system that it is not of, and let go when the right one is back."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connector import holding as module
from connector.endsystems.contract import SessionLogin
from connector.holding import Holding
from connector.ledger import recording
from connector.ledger.debts import LogoutState
from connector.ledger.held import SLICE
from connector.ledger.recording import Sorted
from connector.ledger.store import Ledger
from connector.logouts import Logouts
from connector.outcomes import NO_LOGOUT, OTHER_END_SYSTEM
from connector.supervision import OwnedTasks
from tests.assembly import METRICS
from tests.doubles import ScriptedEndSystem
from tests.ledger.ledgers import ONLY_NEW, ORIGIN, REFUSED, START, SetClock, all_due, opened, raw, record

ELSEWHERE = "https://elsewhere.example.com"
MANY = 2 * SLICE + 1


class Located(ScriptedEndSystem):
    """An end system at one address."""

    def __init__(self, place: str = ORIGIN, *, ends_sessions: bool = True) -> None:
        super().__init__()
        self.place = place
        self.ends_sessions = ends_sessions

    def origin(self, session: SessionLogin) -> str:
        return self.place


def holding(ledger: Ledger, end_system: ScriptedEndSystem, clock: SetClock | None = None) -> Holding:
    logouts = Logouts(end_system, OwnedTasks(), METRICS, deadline=30)
    return Holding(ledger, logouts, clock or SetClock())


async def states(ledger: Ledger) -> dict[tuple[str, str | None], int]:
    """How many debts there are in which state and with which answer."""
    return Counter((debt.state.value, debt.outcome.code if debt.outcome else None) for debt in await ledger.listing(limit=10_000))


async def test_all_that_is_of_another_end_system_is_held_back_and_let_go_when_it_is_back(ledger: Ledger) -> None:
    await asyncio.gather(*(record(ledger, number) for number in range(MANY)))
    await record(ledger, MANY, origin=ELSEWHERE)
    with capture_logs() as logs:
        await holding(ledger, Located(ELSEWHERE)).sort()
    assert await states(ledger) == {("waiting", "other_end_system"): MANY, ("owed", None): 1}
    assert [(line["logouts"], line["made_for"]) for line in logs] == [(MANY, {ORIGIN: MANY})]

    with capture_logs() as logs:
        await holding(ledger, Located()).sort()
    assert await states(ledger) == {("owed", None): MANY, ("waiting", "other_end_system"): 1}
    assert [(line["logouts"], line["made_for"]) for line in logs] == [(1, {ELSEWHERE: 1})]
    assert len(await all_due(ledger, START)) == MANY


async def test_where_nothing_can_be_ended_all_is_held_back_with_that_reason(ledger: Ledger) -> None:
    await record(ledger, 1)
    await holding(ledger, Located(ELSEWHERE)).sort()
    await holding(ledger, Located(ends_sessions=False)).sort()
    assert await states(ledger) == {("waiting", "no_logout"): 1}


async def test_what_the_end_system_has_refused_waits_on_as_it_is(ledger: Ledger) -> None:
    debt = await record(ledger, 1)
    await ledger.settle(debt, state=LogoutState.WAITING, outcome=REFUSED)
    for end_system in (Located(ELSEWHERE), Located()):
        await holding(ledger, end_system).sort()
    assert await states(ledger) == {("waiting", REFUSED.code): 1}


async def test_a_debt_that_was_asked_for_again_since_it_was_looked_at_is_left_alone(ledger: Ledger) -> None:
    await record(ledger, 1)
    (seen,) = await all_due(ledger)
    again = await record(ledger, 1)
    await ledger.transact(lambda table: recording.sort(table, [Sorted(seen, OTHER_END_SYSTEM)], now=START))
    assert await all_due(ledger) == [again]


async def test_a_ledger_that_cannot_be_written_is_sorted_later(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)
    await record(ledger, 1)
    with raw(tmp_path) as file, capture_logs() as logs:
        file.execute("BEGIN IMMEDIATE")
        sorting = asyncio.ensure_future(holding(ledger, Located(ends_sessions=False)).sort())
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
        await holding(ledger, Located(ends_sessions=False)).sort()
        assert [debt.outcome for debt in await ledger.listing()] == [None, NO_LOGOUT]
