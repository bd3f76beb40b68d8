"""Sessions seen and closed through the service behind every face of administration."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connector.admin.audited import AuditBook
from connector.admin.service import Admin, LedgerView
from connector.admin.shown_sessions import SessionFilter, ShownSession
from connector.cache.storage import Storage
from connector.config.settings import StorageDeadlines
from connector.ledger.sql.at_rest import LedgerAtRest
from connector.ledger.sqlite.reading import opened_read_only
from connector.ledger.sqlite.store import SqliteLedger
from connector.ledger.testing.memory_ledger import MemoryLedger
from connector.model.errors import LedgerUnavailable, NoSuchOpening, NoSuchSession
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.model.sessions import OpenSession, Use
from connector.sessions.live import LiveSessions
from tests.admin.test_service import SOMEBODY, admin
from tests.assembly import closing
from tests.doubles import LocatedEndSystem, ScriptedDriver
from tests.ledger.ledgers import KEYS, NAME, ORIGIN, START, logins, open_, opened, opening, owed, raw, record, session
from tests.metrics.exposition import value


async def loaded(of: SqliteLedger, end_system: LocatedEndSystem | None = None, audit_book: AuditBook | None = None) -> Admin:
    """Return what administers a server that has just started over this ledger."""
    made = admin(of, end_system, audit_book=audit_book)
    await made.closing.live.load()
    return made


async def close(asked: Admin, which: OpenSession) -> str:
    return (await asked.close(SOMEBODY, which.session_id, which.login_id)).logout.outcome


async def test_a_running_server_and_its_file_show_the_same_sessions(tmp_path: Path) -> None:
    async with opened(tmp_path) as live:
        await open_(live, session(1))
        await live.begin_opening(opening(session(2)))
        await live.opening_unanswered(opening(session(2)))
        await live.tick()
        await live.note_use({session(1).session_id: Use("l", START + 5, 7)})
        await live.tick()
        await live.tick()
        while_running = await admin(live).sessions(SessionFilter())
        one = await admin(live).session(session(1).session_id)
    with opened_read_only(tmp_path / NAME, KEYS) as table:
        view = LedgerView(LedgerAtRest(table))
        at_rest, one_at_rest = await view.sessions(SessionFilter()), await view.session(session(1).session_id)
        with pytest.raises(NoSuchSession):
            await view.session(session(3).session_id)

    assert (at_rest, one_at_rest) == (while_running, one)
    assert one == while_running[1:]
    assert [each.state for each in while_running] == ["unknown", "open"]
    assert (one[0].idle, one[0].calls, one[0].used_at) == (60, 7, START + 5)


async def test_a_session_that_was_used_just_before_a_tick_is_not_shown_as_idle(tmp_path: Path) -> None:
    async with opened(tmp_path) as live:
        await open_(live, session(1))
        await live.tick()
        (one,) = await admin(live).sessions(SessionFilter())
    assert one.idle == 0


async def test_sessions_idle_for_a_part_of_a_minute_are_chosen_by_whole_minutes(tmp_path: Path) -> None:
    async with opened(tmp_path) as live:
        await open_(live, session(1))
        for _ in range(3):
            await live.tick()
        found = [len(await admin(live).sessions(SessionFilter(idle=seconds))) for seconds in (0, 61, 120, 121)]
    assert found == [1, 1, 1, 0]


async def test_a_closed_session_is_logged_out_evicted_and_dead_and_the_log_says_who_asked(tmp_path: Path) -> None:
    end_system = LocatedEndSystem(ORIGIN)
    async with opened(tmp_path) as live:
        await open_(live, session(1, "t0ken-canary"))
        asked = await loaded(live, end_system)
        with capture_logs() as logs:
            closed = await asked.close(SOMEBODY, session(1).session_id, "l")
        left, debts = await logins(live), await owed(live)
        with pytest.raises(NoSuchSession, match="is not open"):
            await asked.close(SOMEBODY, session(1).session_id, "l")

    assert (closed.state, closed.logout.outcome, closed.evictions, closed.recorded) == (
        "closed",
        "acknowledged",
        {"memory": "evicted"},
        True,
    )
    assert [login.credential for login in end_system.asked] == [session(1, "t0ken-canary").credential]
    assert (left, debts, asked.closing.live.login_of(session(1).session_id)) == ({}, [], None)
    assert [line["event"] for line in logs if "administrator" in line["event"]] == [
        "an administrator closes a session",
        "a session is closed, as an administrator has asked",
    ]
    told = logs[-1]
    assert (told["logout"], told["eviction"]) == ("acknowledged", {"memory": "evicted"})
    assert "t0ken-canary" not in str((logs, closed))
    counted = asked.closing.metrics.exposition().decode()
    assert value(counted, "connector_evictions_total", driver="memory", outcome="evicted") == 1


@pytest.mark.parametrize(("result", "state"), [(LogoutResult.PENDING, "owed"), (LogoutResult.REFUSED, "waiting")])
async def test_what_is_said_of_a_logout_that_is_not_done_is_what_the_ledger_has(
    tmp_path: Path, result: LogoutResult, state: str
) -> None:
    async with opened(tmp_path) as live:
        await open_(live, session(1))
        end_system = LocatedEndSystem(ORIGIN)
        end_system.behaviour = LogoutOutcome(result)
        asked = await loaded(live, end_system)
        closed = await asked.close(SOMEBODY, session(1).session_id, "l")
        (row,) = await asked.rows("open")

    assert (closed.state, row.state) == (state, state)


async def test_a_session_that_was_opened_anew_since_it_was_shown_is_not_closed(tmp_path: Path) -> None:
    async with opened(tmp_path) as live:
        await open_(live, session(1))
        asked = await loaded(live)
        await open_(live, session(1, "new", "new"))
        await asked.closing.live.load()
        with pytest.raises(NoSuchSession, match="another login"):
            await asked.close(SOMEBODY, session(1).session_id, "l")
        assert await logins(live) == {session(1).session_id: "new"}


class WatchedLedger(MemoryLedger):
    """Does what a test tells it after it was asked for a session, and before that is answered."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def open_by(self, session_id: str, login_id: str) -> OpenSession | None:
        found = await super().open_by(session_id, login_id)
        if self.meanwhile is not None:
            await self.meanwhile()
        return found


@pytest.mark.parametrize("reopened", [True, False], ids=["opened anew", "closed"])
async def test_a_session_that_ends_while_it_is_looked_up_is_not_closed_again(tmp_path: Path, *, reopened: bool) -> None:
    ledger, end_system = WatchedLedger(), LocatedEndSystem(ORIGIN)
    storage = Storage([ScriptedDriver("memory", ScriptedDriver.Settings())], StorageDeadlines())
    async with ledger.opened():
        await open_(ledger, session(1))
        asked = closing(ledger, LiveSessions(ledger), end_system, storage)
        await asked.live.load()

        async def meanwhile() -> None:
            if reopened:
                await open_(ledger, session(1, "new", "new"))
            else:
                await record(ledger, 1, login="l")
            await asked.live.load()

        ledger.meanwhile = meanwhile
        with pytest.raises(NoSuchSession):
            await asked.close(session(1).session_id, "l")
        assert await logins(ledger) == ({session(1).session_id: "new"} if reopened else {})
    assert end_system.asked == []


async def test_a_session_whose_row_cannot_be_used_is_not_closed_and_the_reason_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as live:
        await open_(live, session(1))
        with raw(tmp_path) as file:
            file.execute("UPDATE sessions SET origin = 'elsewhere'")
        with pytest.raises(NoSuchSession, match="altered or damaged"):
            await (await loaded(live)).close(SOMEBODY, session(1).session_id, "l")


async def test_a_ledger_that_does_not_answer_keeps_the_session_open(tmp_path: Path) -> None:
    async with opened(tmp_path) as live:
        await open_(live, session(1))
        asked = await loaded(live)
        await live.aclose()
        with pytest.raises(LedgerUnavailable):
            await asked.close(SOMEBODY, session(1).session_id, "l")
    assert asked.closing.live.login_of(session(1).session_id) == "l"


async def test_a_login_that_is_not_open_is_not_closed_and_one_under_way_not_dismissed(tmp_path: Path) -> None:
    under_way, unknown = session(1, login="one"), session(2, login="two")
    async with opened(tmp_path) as live:
        for each in (under_way, unknown):
            await live.begin_opening(opening(each))
        await live.opening_unanswered(opening(unknown))
        asked = await loaded(live)
        with pytest.raises(NoSuchSession, match="is under way"):
            await asked.close(SOMEBODY, under_way.session_id, "one")
        with pytest.raises(NoSuchSession, match="end system"):
            await asked.close(SOMEBODY, unknown.session_id, "two")
        with pytest.raises(NoSuchOpening):
            await asked.closing.dismiss(under_way.session_id, "one")
        with pytest.raises(NoSuchSession):
            await asked.closing.dismiss(under_way.session_id, "two")
        await asked.closing.dismiss(unknown.session_id, "two")
        left: list[ShownSession] = await asked.sessions(SessionFilter())
    assert [each.login for each in left] == ["one"]


async def test_a_session_that_shares_its_login_is_closed_and_leaves_it_to_the_others(tmp_path: Path) -> None:
    end_system = LocatedEndSystem(ORIGIN)
    first, last = (replace(session(number), is_shared=True) for number in (1, 2))
    async with opened(tmp_path) as live:
        for each in (first, last):
            await open_(live, each)
        asked = await loaded(live, end_system)
        assert [await close(asked, each) for each in (first, last)] == ["not_applicable", "acknowledged"]
    assert len(end_system.asked) == 1
