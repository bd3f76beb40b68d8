"""The worker of the retries: what is due is tried, so many at a time, whatever the clock and the file do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from connector.ledger.port import Ledger
from connector.model.debts import Debt, LogoutState
from connector.model.errors import LedgerUnavailable
from connector.model.outcomes import LogoutOutcome
from connector.runtime.supervision import OwnedTasks, supervised
from connector.workers.retries import Retries
from tests.ledger.ledgers import GRACE, PENDING, REFUSED, START, VERIFIED, WITHIN, SetClock, opened, record, until

YEAR = 365 * 86_400.0


class Trier:
    """Tries what it is given as a test tells it, and remembers what that was."""

    def __init__(self, ledger: Ledger, clock: SetClock) -> None:
        self._ledger = ledger
        self._clock = clock
        self.outcome: Callable[[Debt], LogoutOutcome] = lambda _: VERIFIED
        self.recorded = True
        self.hold = asyncio.Event()
        self.hold.set()
        self.tried: list[int] = []
        self.at_once = 0
        self.most_at_once = 0
        self._more = asyncio.Condition()

    async def __call__(self, debt: Debt) -> bool:
        self.tried.append(debt.id)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        async with self._more:
            self._more.notify_all()
        await self.hold.wait()
        if self.recorded:
            await self._settle(debt)
        self.at_once -= 1
        return self.recorded

    async def until_tried(self, number: int) -> None:
        async with asyncio.timeout(WITHIN), self._more:
            await self._more.wait_for(lambda: len(self.tried) >= number)

    async def _settle(self, debt: Debt) -> None:
        outcome = self.outcome(debt)
        state = LogoutState.CLOSED if outcome.closes else LogoutState.OWED if outcome is PENDING else LogoutState.WAITING
        await self._ledger.settle(debt, state=state, outcome=outcome, due_at=self._clock() + 60, evicted=["memory", "sqlite"])


@pytest.fixture
def trier(ledger: Ledger, clock: SetClock) -> Trier:
    return Trier(ledger, clock)


@asynccontextmanager
async def at_work(ledger: Ledger, trier: Trier, clock: SetClock, per_origin: int = 4) -> AsyncIterator[Retries]:
    """Have the worker run, and end it with all that it has begun."""
    tasks = OwnedTasks()
    retries = Retries(ledger, trier, tasks, per_origin=per_origin, clock=clock)
    async with supervised("retries", retries.run):
        yield retries
        retries.stop()
        trier.hold.set()
        assert await tasks.drain(WITHIN) == 0


async def until_closed(ledger: Ledger, number: int) -> None:
    async def are_closed() -> bool:
        return len(await ledger.listing(states=[LogoutState.CLOSED])) >= number

    await until(are_closed)


async def until_settled(ledger: Ledger, debt: Debt) -> Debt:
    async def is_settled() -> bool:
        return (await ledger.debt(debt.id)).attempts > debt.attempts

    await until(is_settled)
    return await ledger.debt(debt.id)


async def test_what_is_due_is_tried_once_and_what_is_not_yet_is_left(ledger: Ledger, trier: Trier, clock: SetClock) -> None:
    first = await record(ledger, 1)
    clock.now += 10
    await record(ledger, 2)
    clock.now = START + GRACE
    async with at_work(ledger, trier, clock):
        await until_closed(ledger, 1)
    assert trier.tried == [first.id]


async def test_no_origin_has_more_than_its_share_at_a_time_and_none_waits_for_another(
    ledger: Ledger, trier: Trier, clock: SetClock
) -> None:
    trier.hold.clear()
    for number in range(20):
        await record(ledger, number, origin="https://a.example.com")
    other = await record(ledger, 20, origin="https://b.example.com")
    clock.now += GRACE
    async with at_work(ledger, trier, clock, per_origin=3):
        await trier.until_tried(4)
        assert other.id in trier.tried
        trier.hold.set()
        await until_closed(ledger, 21)
    assert trier.most_at_once <= 6
    assert sorted(trier.tried) == sorted(set(trier.tried))


async def test_a_logout_that_is_pending_again_is_tried_when_its_time_has_come(
    ledger: Ledger, trier: Trier, clock: SetClock
) -> None:
    trier.outcome = lambda _: PENDING if len(trier.tried) == 1 else VERIFIED
    debt = await record(ledger, 1)
    clock.now += GRACE
    async with at_work(ledger, trier, clock) as retries:
        assert (await until_settled(ledger, debt)).due_at == clock.now + 60
        clock.now += 60
        retries.nudge()
        await until_closed(ledger, 1)
    assert trier.tried == [debt.id] * 2


async def test_a_refused_logout_waits_until_a_human_has_it_retried(ledger: Ledger, trier: Trier, clock: SetClock) -> None:
    trier.outcome = lambda _: REFUSED if len(trier.tried) == 1 else VERIFIED
    debt = await record(ledger, 1)
    clock.now += GRACE
    async with at_work(ledger, trier, clock) as retries:
        waiting = await until_settled(ledger, debt)
        assert (waiting.state, waiting.outcome) == (LogoutState.WAITING, REFUSED)
        await ledger.make_due(debt.id)
        retries.nudge()
        await until_closed(ledger, 1)
    assert trier.tried == [debt.id] * 2


@pytest.mark.parametrize("jump", [YEAR, -YEAR])
async def test_a_clock_that_jumps_parks_nothing_and_starts_no_storm(
    ledger: Ledger, trier: Trier, clock: SetClock, jump: float
) -> None:
    for number in range(30):
        await record(ledger, number)
    clock.now += jump
    async with at_work(ledger, trier, clock):
        await until_closed(ledger, 30)
    assert trier.most_at_once <= 4
    assert len(trier.tried) == 30


async def test_what_cannot_be_recorded_is_not_tried_again_and_again(ledger: Ledger, trier: Trier, clock: SetClock) -> None:
    trier.recorded = False
    await record(ledger, 1)
    await record(ledger, 2, origin="https://other.example.com")
    clock.now += GRACE
    async with at_work(ledger, trier, clock) as retries:
        await trier.until_tried(2)
        for _ in range(50):
            retries.nudge()
            await ledger.statistics()  # a round trip through the file, behind which the worker's own one is done, too
    assert len(trier.tried) == 2


async def test_once_told_to_stop_it_begins_nothing_and_ends_what_it_has_begun(
    ledger: Ledger, trier: Trier, clock: SetClock
) -> None:
    trier.hold.clear()
    for number in range(10):
        await record(ledger, number)
    clock.now += GRACE
    async with at_work(ledger, trier, clock, per_origin=1) as retries:
        await trier.until_tried(1)
        retries.stop()
        trier.hold.set()
        await until_closed(ledger, 1)
    assert len(trier.tried) == 1


async def test_during_a_pause_it_begins_nothing_and_goes_on_after_it(ledger: Ledger, trier: Trier, clock: SetClock) -> None:
    await record(ledger, 1)
    async with at_work(ledger, trier, clock) as retries:
        retries.pause()
        clock.now += GRACE
        for _ in range(50):
            retries.nudge()
            await ledger.statistics()  # a round trip through the file
        assert not trier.tried
        retries.go_on()
        await trier.until_tried(1)


async def test_a_ledger_that_cannot_be_read_does_not_end_the_worker(tmp_path: Path, clock: SetClock) -> None:
    async with opened(tmp_path, clock=clock) as ledger:
        await record(ledger, 1)
        clock.now += GRACE
        trier = Trier(ledger, clock)
        away = tmp_path / "away"
        (tmp_path / "ledger.sqlite3").rename(away)
        async with at_work(ledger, trier, clock) as retries:
            with pytest.raises(LedgerUnavailable):
                await ledger.statistics()
            assert not trier.tried
            away.rename(tmp_path / "ledger.sqlite3")
            retries.nudge()
            await trier.until_tried(1)
