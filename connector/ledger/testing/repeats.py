"""Calls whose answer was lost: cancelled at any await, or made again because nobody knows whether they took effect."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    DRIVERS,
    GRACE,
    ORIGIN,
    PENDING,
    START,
    VERIFIED,
    LedgerSubject,
    all_due,
    close,
    every_row,
    logins,
    open_,
    opening,
    record,
    request,
    session,
    untried,
)
from connector.model.audit import AuditEntry, ended
from connector.model.begun import Opening
from connector.model.cleanup import Missed
from connector.model.debts import Debt, LogoutState, Sorted
from connector.model.errors import NoSuchDebt, NoSuchOpening
from connector.model.listed import Wanted
from connector.model.outcomes import NOTHING_TO_END, OTHER_END_SYSTEM
from connector.model.sessions import Renewal, Use


@dataclass(frozen=True, slots=True)
class Situation:
    """What there is before a call: a session that is open by the login `l`, one that owes the login `owed`, one being opened."""

    open: int
    owing: int
    debt: Debt
    begun: int

    @property
    def opening(self) -> Opening:
        return opening(session(self.begun, login=f"begun {self.begun}"))

    def names(self, debt: Debt) -> bool:
        return debt.session_id in {request(number).session_id for number in (self.open, self.owing, self.begun)}


async def dismissed(ledger: Ledger, at: Situation) -> None:
    """Dismiss a logout; a person who does it twice is told that it is closed."""
    with suppress(NoSuchDebt):
        await ledger.dismiss(at.debt.id, "the site is gone\udc80")


async def let_go(ledger: Ledger, at: Situation) -> None:
    """Let a login go of which nobody knows what it has made; a person who does it twice is told that there is none."""
    await ledger.opening_unanswered(at.opening)
    with suppress(NoSuchOpening):
        await ledger.let_go_opening(at.opening.login_id)


async def let_go_unknown(ledger: Ledger, at: Situation) -> None:
    """Let all logins go of which nobody knows what they have made; whoever does it twice is told of none."""
    await ledger.opening_unanswered(at.opening)
    assert await ledger.let_go_unknown(1) in ([at.opening], [])


async def refreshed_in_vain(ledger: Ledger, at: Situation) -> None:
    """Refresh a login, and get no answer. To do it again leaves it at that."""
    await ledger.claim_refresh(request(at.open).session_id, "l", 0)
    await ledger.release_refresh(request(at.open).session_id, "l", unanswered=True)


def action(at: Situation) -> AuditEntry:
    """Return the line of an action on a session."""
    return AuditEntry(at.open.to_bytes(16), START, "ada", "control socket", "close", request(at.open).session_id)


Call = Callable[[Ledger, Situation], Awaitable[object]]
LATE = 77.0
"""Seconds that a try puts its debt off for."""
CALLS: dict[str, Call] = {
    "record": lambda ledger, at: record(ledger, at.open, login="l"),
    "record again": lambda ledger, at: record(ledger, at.owing, "owed", login="owed"),
    "record late": lambda ledger, at: ledger.record_late(Missed(request(at.open, login="l"), ORIGIN, DRIVERS, ["l"])),
    "settle as done": lambda ledger, at: close(ledger, at.debt),
    "settle as pending": lambda ledger, at: ledger.settle(
        at.debt, state=LogoutState.OWED, outcome=PENDING, due_at=START + LATE, waited=LATE, evicted=["memory"]
    ),
    "settle evictions": lambda ledger, at: ledger.settle(at.debt, state=None, evicted=["memory"]),
    "open": lambda ledger, at: open_(ledger, session(at.owing, "new", "new")),
    "replace": lambda ledger, at: open_(ledger, session(at.open, "new", "new"), session(at.open)),
    "replace by another's seal": lambda ledger, at: open_(
        ledger, session(at.owing, "new", "new"), session(at.owing, "elsewhere", "elsewhere")
    ),
    "begin opening": lambda ledger, at: ledger.begin_opening(opening(session(at.open, "next", f"next {at.open}"))),
    "begin opening in the last seat": lambda ledger, at: ledger.begin_opening(
        opening(session(at.open, "next", f"next {at.open}"), f"pool {at.open}"), seats=1
    ),
    "begin opening without a seat": lambda ledger, at: ledger.begin_opening(
        opening(session(at.open, "next", f"next {at.open}"), "pool"), seats=0
    ),
    "open what was begun": lambda ledger, at: ledger.open_session(
        session(at.begun, "next", f"begun {at.begun}"), None, drivers=()
    ),
    "opening failed": lambda ledger, at: ledger.opening_failed(at.opening),
    "opening unanswered": lambda ledger, at: ledger.opening_unanswered(at.opening),
    "let go": let_go,
    "let go unknown": let_go_unknown,
    "end login": lambda ledger, at: ledger.end_login(session(at.open)),
    "renew": lambda ledger, at: ledger.renew(Renewal(request(at.open).session_id, "l", 0, request(9, "newer").credential)),
    "renew what is owed": lambda ledger, at: ledger.renew(
        Renewal(request(at.owing).session_id, "owed", 0, request(9, "newer").credential)
    ),
    "claim a refresh": lambda ledger, at: ledger.claim_refresh(request(at.open).session_id, "l", 0),
    "release a refresh": lambda ledger, at: ledger.release_refresh(request(at.open).session_id, "l"),
    "end a refresh without an answer": refreshed_in_vain,
    "forget": lambda ledger, at: ledger.forget(at.debt),
    "note use": lambda ledger, at: ledger.note_use({request(at.open).session_id: Use("l", START + 5, calls=3)}),
    "make due": lambda ledger, at: ledger.make_due(at.debt.id, here="https://new.example.com"),
    "dismiss": dismissed,
    "sort": lambda ledger, at: ledger.sort([Sorted(at.debt, OTHER_END_SYSTEM)]),
    "note an action": lambda ledger, at: ledger.note_action(action(at)),
    "note its outcome": lambda ledger, at: ledger.note_action(ended(action(at), "due now")),
    "track regained": lambda ledger, _: ledger.track_regained([]),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


async def prepared(ledger: Ledger, number: int) -> Situation:
    await open_(ledger, session(number))
    debt = await record(ledger, number + 1, "owed", login="owed")
    at = Situation(number, number + 1, debt, number + 2)
    await ledger.begin_opening(at.opening)
    return at


async def said(ledger: Ledger, at: Situation) -> object:
    """Return what the ledger says of these sessions, but ids and how many cleanups asked."""
    rows = [anonymous(debt, at) for debt in await every_row(ledger) if at.names(debt)]
    due = [anonymous(debt, at) for debt in await all_due(ledger, START + GRACE + LATE) if at.names(debt)]
    known = await logins(ledger)
    is_open = [request(number).session_id in known for number in (at.open, at.owing, at.begun)]
    totals = await ledger.statistics()
    lines = [(each.who, each.outcome) for each in await ledger.audit_entries() if each.word == action(at).word]
    calls = [each.calls for each in await ledger.session_listing(Wanted(session=request(at.open).session_id))]
    return sorted(rows, key=str), sorted(due, key=str), is_open, calls, lines, (totals.openings, totals.unknown)


def anonymous(debt: Debt, at: Situation) -> Debt:
    which = {request(at.open).session_id: "open", request(at.owing).session_id: "owing"}.get(debt.session_id, "begun")
    owing = dict.fromkeys(debt.evictions, ())
    return replace(debt, id=0, session_id=which, fingerprint=b"", revision=1, evictions=owing)


class Repeats(LedgerSubject):
    @every_call
    async def test_a_call_that_is_repeated_changes_nothing_more_and_answers_the_same(self, ledger: Ledger, call: Call) -> None:
        at = await prepared(ledger, 1)
        first = await call(ledger, at)
        before = await said(ledger, at)
        again = await call(ledger, at)
        assert await said(ledger, at) == before
        if isinstance(first, Debt) and isinstance(again, Debt):
            again = replace(again, revision=first.revision)  # a repeated record counts as one more cleanup
        assert again == (None if call is CALLS["end login"] else first)

    @pytest.mark.parametrize("turns", range(8))
    @every_call
    async def test_a_call_that_is_cancelled_takes_effect_once_when_it_is_repeated(
        self, ledger: Ledger, call: Call, turns: int
    ) -> None:
        cancelled, undisturbed = await prepared(ledger, 1), await prepared(ledger, 11)
        task = asyncio.ensure_future(call(ledger, cancelled))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await call(ledger, cancelled)
        await call(ledger, undisturbed)
        assert await said(ledger, cancelled) == await said(ledger, undisturbed)

    async def test_a_cleanup_that_was_recorded_twice_is_done_with_its_second_debt(self, ledger: Ledger) -> None:
        for _ in range(2):
            debt = await record(ledger, 1)
        done = await close(ledger, debt)
        assert done is not None
        assert done.owes_nothing

    async def test_what_left_nothing_is_as_gone_when_that_is_settled_again(self, ledger: Ledger) -> None:
        nothing = replace(request(1), foregone=NOTHING_TO_END)
        debt = await untried(ledger, nothing, origin="", drivers=DRIVERS)
        for _ in range(2):
            assert await ledger.settle(debt, state=LogoutState.CLOSED, outcome=VERIFIED, evicted=DRIVERS) is None
        assert await every_row(ledger) == []

    async def test_a_late_record_that_is_repeated_closes_no_session_opened_since(self, ledger: Ledger) -> None:
        missed = Missed(request(1, "old", login="old"), ORIGIN, DRIVERS, ["old"])
        await open_(ledger, session(1, "old", "old"))
        for _ in range(2):
            await ledger.record_late(missed)
            await open_(ledger, session(1, "new", "new"))
            assert await logins(ledger) == {request(1).session_id: "new"}

    async def test_a_login_is_always_a_sessions_or_owed_for_whoever_looks(self, ledger: Ledger) -> None:
        lives = [session(1, f"t{number}", f"l{number}") for number in range(20)]
        opened_so_far, done = 0, False

        async def live() -> None:
            nonlocal opened_so_far, done
            for number, life in enumerate(lives):
                if number % 5 == 4:
                    await record(ledger, 1, "none", login="none")
                await open_(ledger, life)
                opened_so_far = number + 1
            done = True

        async def look() -> None:
            while not done:
                made = {life.login_id for life in lives[:opened_so_far]}
                open_now = {*(await logins(ledger)).values()}
                owed_now = {debt.login_id for debt in await every_row(ledger)}
                assert made <= open_now | owed_now
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(look())
            tasks.create_task(live())
