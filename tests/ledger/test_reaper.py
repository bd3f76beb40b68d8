"""The reaper's own time and pace: one tick at a time, so many sessions at once, the oldest first."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connector.ledger.port import Ledger
from connector.model.begun import Opening
from connector.model.cleanup import CleanupReport, CleanupRequest, Timed
from connector.model.credential import Credential
from connector.model.errors import LedgerUnavailable
from connector.model.outcomes import NOTHING_TO_END
from connector.model.sessions import OpenSession, Use
from connector.runtime.supervision import OwnedTasks, supervised
from connector.sessions.live import LiveSessions
from connector.sessions.seal import Sealed
from connector.telemetry.metrics import Metrics
from connector.workers.overdue import Lifetimes, ticks_of
from connector.workers.reaper import LET_GO, Reaper, ReaperRules
from tests.ledger.ledgers import DRIVERS, START, WITHIN, open_, opened, opening, raw, session, until

MINUTE = 60.0
ORIGINS = ("https://a.example.com", "https://b.example.com")
IDLE = Lifetimes(idle=MINUTE, longest=None, unanswered=None)
RULES = ReaperRules(IDLE, login_lifetime=MINUTE, at_once=6, per_origin=4)


class Cleaning:
    """Cleans up what it is given, when it may, and remembers in which order, and how many at once."""

    def __init__(self, ledger: Ledger, live: LiveSessions) -> None:
        self._ledger = ledger
        self.live = live
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.begun: list[OpenSession] = []
        self.most = Counter[str]()
        """How many were cleaned up at once, in all and at each end system."""
        self._now = Counter[str]()

    async def __call__(self, session: OpenSession, _: object) -> CleanupReport:
        request = CleanupRequest(session.session_id, "A", global_cache=False, credential=Credential(), login_id=session.login_id)
        logins = self.live.closing(session.session_id)
        self.begun.append(session)
        self._now.update(["all", session.origin])
        self.most |= self._now
        await self.may_end.wait()
        await self._ledger.record(request, origin=session.origin, drivers=DRIVERS, logins=logins)
        self.live.rows_gone(session.session_id, logins)
        self._now.subtract(["all", session.origin])
        return CleanupReport(request, 0, recorded=True, authority="", logout=Timed(NOTHING_TO_END, 0), attempts=0, evictions={})


@asynccontextmanager
async def reaper(ledger: Ledger, rules: ReaperRules = RULES, tick: float = MINUTE) -> AsyncIterator[tuple[Reaper, Cleaning]]:
    """A reaper of all that is open by now, which works when a test lets it."""
    live, tasks = LiveSessions(ledger), OwnedTasks()
    await live.load()
    cleaning = Cleaning(ledger, live)
    made = Reaper(ledger, live, cleaning, rules, tasks=tasks, metrics=Metrics(), tick=tick)
    yield made, cleaning
    made.stop()
    cleaning.may_end.set()
    assert await tasks.drain(WITHIN) == 0


async def pass_time(reaper: Reaper, ticks: int) -> int:
    for _ in range(ticks):
        now = await reaper.pass_time()
    assert now is not None
    return now


async def test_a_thousand_idle_sessions_end_so_many_at_a_time_and_the_oldest_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for batch in range(4):
            async with asyncio.TaskGroup() as opening_them:
                for number in range(250):
                    one = replace(session(250 * batch + number), origin=ORIGINS[number % 4 == 0], opened_at=START + batch)
                    opening_them.create_task(open_(ledger, one))
            await ledger.tick()
        async with reaper(ledger) as (made, cleaning):
            await made.reap(await pass_time(made, ticks_of(MINUTE)))

        assert (await ledger.statistics()).sessions == 0
    assert dict(cleaning.most) == {"all": 6, ORIGINS[0]: 4, ORIGINS[1]: 4}
    assert len(cleaning.begun) == 1_000
    for origin in ORIGINS:
        ages = [each.opened_at for each in cleaning.begun if each.origin == origin]
        assert ages == sorted(ages)


def ticks(folder: Path) -> int:
    """How many there were, as the ledger's file has it."""
    with raw(folder) as file:
        return sum(number for (number,) in file.execute("SELECT number FROM ticks"))


async def test_time_goes_on_while_a_reap_takes_long_and_who_is_used_meanwhile_is_spared(tmp_path: Path) -> None:
    rules = replace(RULES, lifetimes=replace(IDLE, idle=50 * MINUTE), at_once=1)
    async with opened(tmp_path) as ledger:
        for number in (1, 2):
            await open_(ledger, session(number))
        async with reaper(ledger, rules, tick=0.001) as (made, cleaning), supervised("reaper", made.run):
            cleaning.may_end.clear()

            async def takes_long() -> bool:
                return len(cleaning.begun) == 1 and ticks(tmp_path) > 100

            async def has_ended() -> bool:
                return (await ledger.statistics()).sessions == 1

            await until(takes_long)
            cleaning.live.note_use(Sealed(session(2).session_id, "A", session(2).login_id, b"", None))
            assert await cleaning.live.write_notes()
            cleaning.may_end.set()
            await until(has_ended)
            assert [each.session_id for each in cleaning.begun] == [session(1).session_id]


class Watch:
    """A ledger that counts ticks, and has nobody to end."""

    def __init__(self) -> None:
        self.ticks = 0
        self.ticked = asyncio.Event()

    async def tick(self) -> int:
        self.ticks += 1
        self.ticked.set()
        return self.ticks

    async def idle(
        self, *, unused_since: int | None, opened_since: int | None, unanswered_since: int | None, limit: int
    ) -> list[OpenSession]:
        return []

    async def let_go_unknown(self, made_before: int) -> list[Opening]:
        return []


async def test_a_process_that_was_stopped_for_long_makes_one_tick_of_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        live, watch = LiveSessions(ledger), Watch()
        made = Reaper(watch, live, Cleaning(ledger, live), RULES, tasks=OwnedTasks(), metrics=Metrics(), tick=0.1)
        async with supervised("reaper", made.run), asyncio.timeout(WITHIN):
            await watch.ticked.wait()
            watch.ticked.clear()
            threading.Event().wait(1.5)  # nothing runs in this process, as if it was stopped
            await watch.ticked.wait()

    assert watch.ticks == 2


async def test_a_tick_does_not_count_while_use_cannot_be_written_down(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1))
        live, watch = LiveSessions(ledger), Watch()
        await live.load()
        made = Reaper(watch, live, Cleaning(ledger, live), RULES, tasks=OwnedTasks(), metrics=Metrics())
        live.note_use(Sealed(session(1).session_id, "A", session(1).login_id, b"", None))
        (tmp_path / "ledger.sqlite3").rename(tmp_path / "away")
        assert await made.pass_time() is None
        (tmp_path / "away").rename(tmp_path / "ledger.sqlite3")
        assert await made.pass_time() == 1


async def test_a_login_of_which_nobody_knows_is_given_up_after_its_lifetime_with_advice(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.begin_opening(opening(session(1)))
    async with opened(tmp_path) as ledger, reaper(ledger) as (made, _):
        with capture_logs() as logged:
            await pass_time(made, ticks_of(MINUTE) - 1)
            assert (await ledger.statistics()).unknown == 1
            await pass_time(made, 1)

        assert (await ledger.statistics()).unknown == 0
    assert [(line["event"], line["end_system"]) for line in logged] == [(LET_GO, session(1).origin)]
    assert session(1).session_id not in str(logged)


async def test_a_session_that_was_perhaps_never_handed_out_ends_after_a_grace_without_use(tmp_path: Path) -> None:
    rules = replace(RULES, lifetimes=Lifetimes(idle=None, longest=None, unanswered=10 * MINUTE))
    async with opened(tmp_path) as ledger:
        for number in (1, 2):
            await open_(ledger, session(number))
        await ledger.note_use({session(2).session_id: Use(session(2).login_id, START)})
        async with reaper(ledger, rules) as (made, cleaning):
            await made.reap(await pass_time(made, 10))
            assert not cleaning.begun
            with capture_logs() as logged:
                await made.reap(await pass_time(made, 100))

    assert [each.session_id for each in cleaning.begun] == [session(1).session_id]
    assert [line["reason"] for line in logged] == ["unanswered"]


async def test_a_ledger_that_stalls_during_a_reap_spares_the_session_without_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as ledger:
        await open_(ledger, session(1))
        async with reaper(ledger) as (made, cleaning):
            now = await pass_time(made, ticks_of(MINUTE))
            monkeypatch.setattr(cleaning.live, "still_open", stalled)
            with capture_logs() as logs:
                await made.reap(now)
            monkeypatch.undo()
            assert not cleaning.begun
            await made.reap(now)
            assert len(cleaning.begun) == 1
    assert [(line["log_level"], line["reason"]) for line in logs] == [("warning", "not within 10 s")]


async def stalled(_: OpenSession) -> OpenSession | None:
    raise LedgerUnavailable("not within 10 s")
