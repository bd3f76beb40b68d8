"""Sessions begin, are used, reaped, cleaned up and forgotten, in any order and across crashes: a dictionary says the same."""

import asyncio
import shutil
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, precondition, rule
from msgspec.structs import replace as with_changes

from connector.ledger.sqlite.store import SqliteLedger
from connector.ledger.testing.seating import POOL, UNPROVED
from connector.model.cleanup import CleanupRequest, Missed
from connector.model.credential import Credential
from connector.model.debts import LogoutState
from connector.model.errors import NoSuchOpening
from connector.model.listed import SessionState
from connector.model.outcomes import UNKNOWN_LOGIN, LogoutOutcome
from connector.model.seat_pools import HeldSeats
from connector.model.sessions import OpenSession, Use
from tests.ledger.ledgers import NAME, ORIGIN, START, VERIFIED, SetClock, ledger, opening, request, session

T = TypeVar("T")
A_DAY = 86_400.0
SESSIONS = st.integers(1, 2)
SEATS = 3
STATES = {True: SessionState.OPENING, False: SessionState.UNKNOWN}
"""Of a login that was begun: whether it is under way."""


@dataclass(frozen=True, slots=True)
class Made:
    """A login that was begun, and whose it is."""

    session: int
    login: str

    @property
    def made(self) -> OpenSession:
        return session(self.session, self.login, self.login)


@dataclass(frozen=True, slots=True)
class BegunAt:
    tick: int
    is_running: bool = True
    is_overtaken: bool = False


@dataclass(frozen=True, slots=True)
class OpenSince:
    tick: int
    used: int
    is_answered: bool = False
    calls: int = 0


class LivesLikeADictionary(RuleBasedStateMachine):
    """Runs the ledger and dictionaries side by side."""

    logins = Bundle("logins")

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.clock = SetClock()
        self.numbers = count(1)
        self.tick = 0
        self.begun: dict[Made, BegunAt] = {}
        self.open: dict[Made, OpenSince] = {}
        self.owed: set[Made] = set()
        self.ended: set[Made] = set()
        self.unproved: set[Made] = set()
        self.noted: dict[Made, float] = {}
        """When the use of a session was noted last, by the clock."""
        self.since: dict[Made, int] = {}
        """The logins that hold a seat, or would if they were alive, and when they were made."""
        self.place = Path(self.folder.name) / "0"
        self.ledger = self.opened()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def opened(self) -> SqliteLedger:
        fresh = ledger(self.place, clock=self.clock)
        self.run(fresh.open())
        return fresh

    def owe(self, login: Made) -> None:
        """Expect a login to be owed, unless somebody has asked to end it before."""
        if login not in self.ended:
            self.owed.add(login)

    def forget(self, login: Made) -> None:
        """Expect nothing to be known of a login any more."""
        self.begun.pop(login, None)
        if login not in self.open.keys() | self.owed | self.ended:
            self.since.pop(login, None)

    def close(self, number: int, meant: set[str] | None = None) -> None:
        """Expect the session to be closed, and no login of it that is under way to open it."""
        for login in [login for login in self.open if login.session == number and (meant is None or login.login in meant)]:
            del self.open[login]
            self.owe(login)
        for login, at in self.begun.items():
            if login.session == number and (meant is None or login.login in meant):
                self.begun[login] = replace(at, is_overtaken=True)

    @rule(target=logins, number=SESSIONS)
    def begin(self, number: int) -> Made:
        login = Made(number, f"login {next(self.numbers)}")
        assert self.run(self.ledger.begin_opening(opening(login.made)))
        self.begun[login] = BegunAt(self.tick)
        return login

    @rule(target=logins, number=SESSIONS)
    def begin_if_there_is_a_seat(self, number: int) -> Any:
        login, has_room = Made(number, f"login {next(self.numbers)}"), self.held.total < SEATS
        assert self.run(self.ledger.begin_opening(opening(login.made, POOL), seats=SEATS)) == has_room
        if not has_room:
            return multiple()
        self.begun[login] = BegunAt(self.tick)
        self.since[login] = self.tick
        return login

    @rule(login=logins)
    def is_answered_early_or_late(self, login: Made) -> None:
        self.answer(login)

    @precondition(lambda self: self.begun)
    @rule(place=st.integers(0, 9))
    def is_answered(self, place: int) -> None:
        self.answer([*self.begun][place % len(self.begun)])

    def answer(self, login: Made) -> None:
        known = self.open.keys() | self.owed | self.ended
        recorded = self.run(self.ledger.open_session(login.made, None, drivers=()))
        at = self.begun.pop(login, None)
        if login in known:
            assert recorded.is_open == (login in self.open)
        elif at is None or at.is_overtaken or not at.is_running:
            assert not recorded.is_open
            self.owe(login)
        else:
            assert recorded.is_open
            for earlier in [earlier for earlier in self.open if earlier.session == login.session]:
                del self.open[earlier]
                self.owe(earlier)
            self.open[login] = OpenSince(self.tick, self.tick)
            self.since |= {login: self.tick} if login in self.since else {}

    @rule(login=logins)
    def fails(self, login: Made) -> None:
        self.run(self.ledger.opening_failed(opening(login.made)))
        self.forget(login)

    @rule(login=logins)
    def fails_half_way(self, login: Made) -> None:
        self.run(self.ledger.end_login(login.made))
        self.begun.pop(login, None)
        self.open.pop(login, None)
        self.owe(login)

    @rule(login=logins)
    def is_never_answered(self, login: Made) -> None:
        self.run(self.ledger.opening_unanswered(opening(login.made)))
        if login in self.begun:
            self.begun[login] = replace(self.begun[login], is_running=False)

    @rule(login=logins, calls=st.integers(0, 3))
    def is_used(self, login: Made, calls: int) -> None:
        self.clock.now += 1
        self.run(self.ledger.note_use({login.made.session_id: Use(login.login, self.clock.now, calls)}))
        if (at := self.open.get(login)) is not None:
            is_later = self.clock.now > self.noted.get(login, START)
            self.noted[login] = max(self.clock.now, self.noted.get(login, START))
            noted = at.calls + calls if is_later else at.calls
            self.open[login] = replace(at, used=self.tick, is_answered=True, calls=noted)

    @rule(number=SESSIONS)
    def is_cleaned_up_without_a_seal(self, number: int) -> None:
        asked = with_changes(request(number), credential=Credential(), foregone=UNKNOWN_LOGIN)
        self.run(self.ledger.record(asked, origin="", drivers=()))
        self.close(number)

    @rule(login=logins, late=st.booleans())
    def is_cleaned_up_by_a_seal(self, login: Made, late: bool) -> None:
        if login not in self.open.keys() | self.owed | self.ended:
            return
        asked = request(login.session, login.login, login=login.login)
        if late:
            self.run(self.ledger.record_late(Missed(asked, ORIGIN, (), [login.login])))
        else:
            self.run(self.ledger.record(asked, origin=ORIGIN, drivers=()))
        self.close(login.session, {login.login} if late else None)

    @rule(ticks=st.integers(0, 3))
    def are_reaped(self, ticks: int) -> None:
        since = self.tick - ticks
        found = self.run(self.ledger.idle(unused_since=since, opened_since=None, unanswered_since=None, limit=9))
        for idle in found:
            asked = CleanupRequest(idle.session_id, "A", False, idle.credential or Credential(), login_id=idle.login_id)
            self.run(self.ledger.record(asked, origin=ORIGIN, drivers=(), logins=[idle.login_id]))
        for login in [login for login, since_when in self.open.items() if since_when.used <= since]:
            self.close(login.session, {login.login})

    @rule(outcome=st.sampled_from([VERIFIED, UNPROVED]))
    def are_logged_out(self, outcome: LogoutOutcome) -> None:
        for debt in self.run(self.ledger.listing(states=[LogoutState.OWED])):
            self.run(self.ledger.settle(debt, state=LogoutState.CLOSED, outcome=outcome))
        self.ended |= self.owed
        self.unproved |= self.owed if outcome is UNPROVED else set()
        self.owed.clear()

    @rule()
    def ticks(self) -> None:
        self.tick += 1
        assert self.run(self.ledger.tick()) == self.tick

    @rule(ticks=st.integers(0, 3))
    def are_let_go(self, ticks: int) -> None:
        before = self.tick - ticks
        found = self.run(self.ledger.let_go_unknown(before))
        gone = {login for login, at in self.begun.items() if not at.is_running and at.tick < before}
        assert {each.login_id for each in found} == {login.login for login in gone}
        for login in gone:
            self.forget(login)
        self.unproved = {login for login in self.unproved if self.since.get(login, before) >= before}

    @rule(login=logins)
    def is_let_go_by_hand(self, login: Made) -> None:
        is_unknown = login in self.begun and not self.begun[login].is_running
        with suppress(NoSuchOpening):
            self.run(self.ledger.let_go_opening(login.login))
            assert is_unknown
        if is_unknown:
            self.forget(login)

    @rule(days=st.sampled_from([-1, 1]))
    def somebody_sets_the_clock(self, days: int) -> None:
        self.clock.now += days * A_DAY

    @rule(tidied=st.booleans())
    def the_server_is_restarted(self, tidied: bool) -> None:
        if tidied:
            self.run(self.ledger.tidy())
        self.run(self.ledger.aclose())
        self.ledger = self.opened()
        self.nobody_waits_any_more()

    @rule()
    def the_server_is_killed(self) -> None:
        killed, self.place = self.place, self.place.with_name(str(next(self.numbers)))
        self.place.mkdir()
        for name in (NAME, f"{NAME}-wal", f"{NAME}.reserve"):
            shutil.copy(killed / name, self.place / name)
        self.run(self.ledger.aclose())
        self.ledger = self.opened()
        self.nobody_waits_any_more()

    def nobody_waits_any_more(self) -> None:
        self.begun = {login: replace(at, is_running=False) for login, at in self.begun.items()}

    @invariant()
    def each_login_is_where_it_is_expected(self) -> None:
        known = self.run(self.ledger.known_sessions()).logins
        assert known == {login.made.session_id: login.login for login in self.open}
        owed = self.run(self.ledger.listing(states=[LogoutState.OWED, LogoutState.WAITING]))
        assert sorted(debt.login_id for debt in owed) == sorted(login.login for login in self.owed)
        totals = self.run(self.ledger.statistics())
        running = sum(at.is_running for at in self.begun.values())
        assert (totals.openings, totals.unknown, totals.sessions) == (running, len(self.begun) - running, len(self.open))

    @property
    def held(self) -> HeldSeats:
        """What is expected to hold seats."""
        begun = [at for login, at in self.begun.items() if login in self.since]
        running = sum(at.is_running for at in begun)
        sessions, owed, unproved = (len(self.since.keys() & logins) for logins in (self.open, self.owed, self.unproved))
        return HeldSeats(sessions, openings=running, unknown=len(begun) - running, owed=owed, unproved=unproved)

    @invariant()
    def seats_are_held_by_what_is_expected(self) -> None:
        assert self.run(self.ledger.held_seats(POOL)) == self.held
        assert self.held.total <= SEATS

    @invariant()
    def a_person_is_shown_what_is_expected(self) -> None:
        listed = self.run(self.ledger.session_listing())
        begun = {(login.login, STATES[at.is_running], at.is_overtaken, None, 0) for login, at in self.begun.items()}
        is_open = {(login.login, SessionState.OPEN, False, self.tick - at.used, at.calls) for login, at in self.open.items()}
        assert {(each.login_id, each.state, each.overtaken, each.idle, each.calls) for each in listed} == begun | is_open

    @invariant()
    def the_idle_are_those_that_are_expected(self) -> None:
        for since in range(max(0, self.tick - 3), self.tick + 1):
            assert self.idle(unused_since=since) == {login.login for login, at in self.open.items() if at.used <= since}
            assert self.idle(opened_since=since) == {login.login for login, at in self.open.items() if at.tick <= since}
            unanswered = {login.login for login, at in self.open.items() if not at.is_answered and at.used <= since}
            assert self.idle(unanswered_since=since) == unanswered

    def idle(
        self, unused_since: int | None = None, opened_since: int | None = None, unanswered_since: int | None = None
    ) -> set[str]:
        asked = self.ledger.idle(unused_since=unused_since, opened_since=opened_since, unanswered_since=unanswered_since, limit=9)
        return {found.login_id for found in self.run(asked)}

    def teardown(self) -> None:
        self.run(self.ledger.aclose())
        self.runner.close()
        self.folder.cleanup()


TestLivesLikeADictionary = LivesLikeADictionary.TestCase
TestLivesLikeADictionary.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
