"""Whatever is done to a ledger, in whatever order and across restarts, it says the same as a dictionary."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.sqlite.store import SqliteLedger
from connector.ledger.testing.ledger_subject import untried
from connector.model.debts import Debt, LogoutState
from connector.model.errors import NoSuchDebt
from drivers import Scope
from tests.ledger.ledgers import GRACE, KEYS, ORIGIN, PENDING, REFUSED, VERIFIED, SetClock, all_due, ledger, request
from tests.postgres import Postgres

T = TypeVar("T")
Login = tuple[int, str]
OUTCOMES = {LogoutState.CLOSED: VERIFIED, LogoutState.OWED: PENDING, LogoutState.WAITING: REFUSED}


@dataclass(slots=True)
class Expected:
    """What the ledger should say of one login."""

    state: LogoutState = LogoutState.OWED
    revision: int = 0
    attempts: int = 0
    due_at: float = 0
    in_hand: bool = False
    """Whether a try is under way, as far as is known."""
    evictions: dict[str, set[Scope]] = field(default_factory=dict)

    @property
    def is_due(self) -> bool:
        return self.state is LogoutState.OWED


class LedgerLikeADictionary(RuleBasedStateMachine):
    """Runs the ledger and the dictionary side by side."""

    tries = Bundle("tries")
    grace: ClassVar[float] = GRACE
    """Seconds for which a debt is not due that nobody tries."""

    def __init__(self) -> None:
        super().__init__()
        self.prepare()
        self.runner = asyncio.Runner()
        self.clock = SetClock()
        self.expected: dict[Login, Expected] = {}
        self.logins: dict[int, Login] = {}
        self.ledger = self.opened()

    def prepare(self) -> None:
        """Make an empty place for the ledger."""
        self.folder = TemporaryDirectory()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def opened(self) -> SqliteLedger | PostgresLedger:
        fresh = ledger(Path(self.folder.name), clock=self.clock)
        self.run(fresh.open())
        return fresh

    @rule(
        target=tries,
        session=st.integers(1, 3),
        token=st.sampled_from("tu"),
        everything=st.booleans(),
        drivers=st.sets(st.sampled_from(["memory", "sqlite"]), min_size=1),
    )
    def record(self, session: int, token: str, everything: bool, drivers: set[str]) -> Debt:
        asked = request(session, token, everything=everything)
        debt = self.run(untried(self.ledger, asked, origin=ORIGIN, drivers=sorted(drivers)))
        one = self.expected.setdefault((session, token), Expected())
        self.logins[debt.id] = (session, token)
        one.revision += 1
        for driver in drivers:
            one.evictions.setdefault(driver, set()).update(asked.scopes)
        if one.state is not LogoutState.CLOSED:
            one.state, one.due_at, one.in_hand = LogoutState.OWED, self.clock.now + self.grace, True
        return debt

    @rule(debt=consumes(tries), state=st.sampled_from(LogoutState), evicted=st.sets(st.sampled_from(["memory", "sqlite"])))
    def settle(self, debt: Debt, state: LogoutState, evicted: set[str]) -> None:
        due_at = self.clock.now + 50
        self.run(self.ledger.settle(debt, state=state, outcome=OUTCOMES[state], due_at=due_at, evicted=evicted))
        one = self.expected[self.logins[debt.id]]
        one.attempts = max(one.attempts, debt.attempts + 1)
        one.in_hand = False
        current = debt.revision == one.revision
        if one.state is not LogoutState.CLOSED and (current or state is LogoutState.CLOSED):
            one.state, one.due_at = state, due_at
        if current:
            one.evictions = {driver: scopes for driver, scopes in one.evictions.items() if driver not in evicted}

    @rule(session=st.integers(1, 3), token=st.sampled_from("tu"), dismissed=st.booleans())
    def steer(self, session: int, token: str, dismissed: bool) -> None:
        ids = [id_ for id_, login in self.logins.items() if login == (session, token)]
        try:
            self.run(self.steered(ids[0] if ids else 10_000, dismissed))
        except NoSuchDebt:
            assert not ids or self.expected[session, token].state is LogoutState.CLOSED
            return
        one = self.expected[session, token]
        one.state, one.due_at = (LogoutState.CLOSED, one.due_at) if dismissed else (LogoutState.OWED, self.clock.now)

    async def steered(self, id_: int, dismissed: bool) -> None:
        await (self.ledger.dismiss(id_, "why") if dismissed else self.ledger.make_due(id_))

    @rule(seconds=st.integers(1, 100))
    def time_passes(self, seconds: int) -> None:
        self.clock.now += seconds

    @rule()
    def tidy(self) -> None:
        self.run(self.ledger.tidy())

    @rule()
    def restart(self) -> None:
        self.run(self.ledger.aclose())
        self.ledger = self.opened()
        if isinstance(self.ledger, PostgresLedger):
            return  # other owners may have in hand what waits
        self.run(self.ledger.let_go())
        for one in self.expected.values():
            if one.is_due and one.in_hand:
                one.due_at = min(one.due_at, self.clock.now)

    @invariant()
    def both_say_the_same(self) -> None:
        listed = self.run(self.ledger.listing(states=[*LogoutState]))
        assert {self.logins[debt.id]: as_expected(debt) for debt in listed} == {
            login: replace(one, due_at=one.due_at if one.is_due else 0, in_hand=False) for login, one in self.expected.items()
        }
        due = {self.logins[debt.id] for debt in self.run(all_due(self.ledger, self.clock.now))}
        assert due == {login for login, one in self.expected.items() if one.is_due and one.due_at <= self.clock.now}

    @invariant()
    def a_row_is_closed_when_it_owes_nothing(self) -> None:
        for debt in self.run(self.ledger.listing(states=[*LogoutState])):
            assert (debt.closed_at is not None) == debt.owes_nothing

    def teardown(self) -> None:
        self.run(self.ledger.aclose())
        self.runner.close()
        self.clean_up()

    def clean_up(self) -> None:
        self.folder.cleanup()


class FleetLikeADictionary(LedgerLikeADictionary):
    """Two owners of one database take turns."""

    server: ClassVar[Postgres]
    grace: ClassVar[float] = 0.0

    def __init__(self) -> None:
        self.address = parsed(self.server.dsn(self.server.new_database()), origin="test")
        super().__init__()
        self.other = self.opened()

    def prepare(self) -> None:
        """Do nothing: the database is new."""

    def opened(self) -> PostgresLedger:
        fresh = PostgresLedger(self.address, KEYS, clock=self.clock)
        self.run(fresh.open())
        return fresh

    @rule()
    def take_turns(self) -> None:
        self.ledger, self.other = self.other, self.ledger

    def teardown(self) -> None:
        self.run(self.other.aclose())
        super().teardown()

    def clean_up(self) -> None:
        """Do nothing: the database goes with its server."""


def as_expected(debt: Debt) -> Expected:
    evictions = {driver: {*scopes} for driver, scopes in debt.evictions.items()}
    due_at = debt.due_at if debt.state is LogoutState.OWED else 0
    return Expected(debt.state, debt.revision, debt.attempts, due_at, evictions=evictions)


TestLedgerLikeADictionary = LedgerLikeADictionary.TestCase
TestLedgerLikeADictionary.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)


def test_two_owners_of_a_database_say_the_same_as_a_dictionary(postgres: Postgres) -> None:
    class OnThisServer(FleetLikeADictionary):
        server = postgres

    few = settings(max_examples=5, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(OnThisServer, settings=few)
