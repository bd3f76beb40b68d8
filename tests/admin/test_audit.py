"""What people do through the service leaves a line in the audit log, written before it is done and again afterwards."""

import inspect
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connector.admin.audited import AuditBook
from connector.admin.service import Admin, LedgerView
from connector.ledger.port import Ledger
from connector.ledger.sql.at_rest import LedgerAtRest
from connector.ledger.sqlite.reading import opened_read_only
from connector.ledger.testing.memory_ledger import MemoryLedger
from connector.model.audit import WORD_BYTES, Action, Actor, AuditEntry
from connector.model.debts import LogoutState
from connector.model.errors import LedgerUnavailable, NoSuchDebt
from tests.admin.test_service import SOMEBODY, admin
from tests.admin.test_sessions import loaded
from tests.doubles import LocatedEndSystem
from tests.ledger.ledgers import KEYS, NAME, ORIGIN, open_, opened, opening, record, request, session

Act = Callable[[Admin], Awaitable[object]]
SESSION, UNKNOWN = session(1), session(2, login="unknown")
Line = tuple[Act, str, str, str]
ACTIONS: dict[str, Line] = {
    "make_due": (lambda asked: asked.make_due(SOMEBODY, 1), "retry", "owed 1", "due now"),
    "dismiss": (lambda asked: asked.dismiss(SOMEBODY, 1, "gone"), "dismiss", "owed 1", "dismissed: gone"),
    "close": (
        lambda asked: asked.close(SOMEBODY, SESSION.session_id, "l"),
        "close",
        f"session {SESSION.session_id}",
        "closed: acknowledged",
    ),
    "dismiss_login": (
        lambda asked: asked.dismiss_login(SOMEBODY, UNKNOWN.session_id, "unknown"),
        "dismiss login",
        f"login unknown of session {UNKNOWN.session_id}",
        "forgotten",
    ),
    "evict": (lambda asked: asked.evict(SOMEBODY, "A"), "evict", "system A", "memory: evicted"),
    "drain": (lambda asked: asked.drain(SOMEBODY, close_sessions=False), "drain", "the server", "begun"),
}
"""Each action of the service, and its line."""
NOTED: dict[str, Line] = {
    "note": (
        lambda asked: asked.audit_book.note(SOMEBODY, Action.ADD_KEY, "the keys", "added", word=bytes(WORD_BYTES)),
        "add key",
        "the keys",
        "added",
    ),
}
"""What a command does itself, and the service only writes down."""
every_action = pytest.mark.parametrize(("act", "action", "target", "outcome"), (ACTIONS | NOTED).values(), ids=ACTIONS | NOTED)


async def prepared(ledger: Ledger) -> None:
    """Owe one logout, open one session, and begin a login of which nobody knows what it has made."""
    owed = await ledger.record(request(9), origin=ORIGIN, drivers=())
    assert owed.id == 1
    await ledger.settle(owed, state=LogoutState.WAITING)
    await open_(ledger, SESSION)
    await ledger.begin_opening(opening(UNKNOWN))
    await ledger.opening_unanswered(opening(UNKNOWN))


def test_each_public_action_of_the_service_is_told_who_acts_and_has_its_line_below() -> None:
    questions = {name for name in vars(LedgerView) if not name.startswith("_")} | {"status", "history", "caches"}
    methods = {name: each for name, each in vars(Admin).items() if inspect.isfunction(each) and not name.startswith("_")}
    actions = {name: [*inspect.signature(each).parameters.values()] for name, each in methods.items() if name not in questions}
    assert {name: (shape[1].name, shape[1].annotation) for name, shape in actions.items()} == dict.fromkeys(
        ACTIONS, ("by", Actor)
    )


@every_action
async def test_an_action_leaves_one_line_with_who_acted_from_where_and_what_came_of_it(
    tmp_path: Path, act: Act, action: str, target: str, outcome: str
) -> None:
    async with opened(tmp_path) as live:
        await prepared(live)
        asked = await loaded(live, LocatedEndSystem(ORIGIN))
        await act(asked)
        (line,) = await asked.audit()
    with opened_read_only(tmp_path / NAME, KEYS) as table:
        assert await LedgerView(LedgerAtRest(table)).audit() == [line]

    assert (line.who, line.where) == (SOMEBODY.who, SOMEBODY.where)
    assert (line.action, line.target, line.outcome) == (action, target, outcome)


class Unwritable(MemoryLedger):
    """Takes no line of the audit log, or none with an outcome."""

    takes_begun = False

    async def note_action(self, entry: AuditEntry) -> None:
        if entry.outcome is None and self.takes_begun:
            await super().note_action(entry)
            return
        raise LedgerUnavailable("the disk is full")


@every_action
async def test_an_action_whose_line_cannot_be_written_is_refused_and_changes_nothing(
    tmp_path: Path, act: Act, action: str, target: str, outcome: str
) -> None:
    async with opened(tmp_path) as live, Unwritable().opened() as book:
        await prepared(live)
        end_system = LocatedEndSystem(ORIGIN)
        asked = await loaded(live, end_system, audit_book=AuditBook(book))
        before = await everything(live)
        with pytest.raises(LedgerUnavailable, match="the disk is full"):
            await act(asked)
        assert await everything(live) == before, (action, target, outcome)
        assert not end_system.asked
        assert not asked.draining.lifecycle.draining


async def everything(ledger: Ledger) -> object:
    rows = await ledger.listing(states=[*LogoutState], limit=sys.maxsize)
    return rows, await ledger.session_listing(limit=sys.maxsize), await ledger.audit_entries()


async def test_an_action_that_fails_leaves_its_reason(tmp_path: Path) -> None:
    async with opened(tmp_path) as live:
        asked = admin(live)
        with pytest.raises(NoSuchDebt):
            await asked.dismiss(SOMEBODY, 9, "gone")
        (line,) = await asked.audit()
    assert (line.target, line.outcome) == ("owed 9", "failed: nothing that could be acted upon has the id 9")


async def test_an_action_that_was_broken_off_is_shown_as_one_of_which_nobody_knows_the_end(tmp_path: Path) -> None:
    async def broken_off() -> None:
        raise RuntimeError("a defect")

    async with opened(tmp_path) as live:
        with pytest.raises(RuntimeError):
            await AuditBook(live).done(SOMEBODY, Action.CLOSE, "session x", broken_off, str)
        (line,) = await admin(live).audit()
    assert (line.action, line.outcome) == ("close", None)


async def test_an_outcome_that_cannot_be_written_is_told_in_the_log_and_the_action_counts() -> None:
    ledger = Unwritable()
    ledger.takes_begun = True

    async def done() -> int:
        return 17

    async with ledger.opened():
        with capture_logs() as logs:
            assert await AuditBook(ledger).done(SOMEBODY, Action.RETRY, "owed 17", done, str) == 17
        (line,) = await ledger.audit_entries()
    assert line.outcome is None
    assert [(each["log_level"], each["action"], each["outcome"]) for each in logs] == [("warning", "retry", "17")]


async def test_a_drain_that_is_asked_about_again_leaves_a_line_only_if_it_is_wider(tmp_path: Path) -> None:
    async with opened(tmp_path) as live:
        asked = await loaded(live)
        for close_sessions in (False, False, True, True, False):
            await asked.drain(SOMEBODY, close_sessions=close_sessions)
        lines = [line.target for line in await asked.audit()]
    assert lines == ["the server, and its open sessions", "the server"]


async def test_lines_are_removed_once_they_are_too_old_or_of_a_clock_far_ahead(tmp_path: Path) -> None:
    day = 86_400.0
    async with opened(tmp_path) as live:
        now = live.clock()
        for number, age in enumerate((91 * day, 89 * day, -89 * day, -91 * day)):
            await live.note_action(AuditEntry(bytes([number]), now - age, "ada", "here", "retry", f"{age / day:g} days old"))
        await record(live, 1)
        await live.tidy()
        assert [entry.target for entry in await live.audit_entries()] == ["-89 days old", "89 days old"]
