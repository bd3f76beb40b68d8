"""What cleanups owe: a row for each login, whatever the number of its cleanups."""

import asyncio

import pytest
from msgspec.structs import replace

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    DRIVERS,
    KEYS,
    ORIGIN,
    START,
    LedgerSubject,
    MakeLedger,
    all_due,
    opened,
    record,
    request,
    untried,
)
from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import NOTHING_TO_END, WITHOUT_ASKING, LivesOn, LogoutOutcome, LogoutResult
from drivers import SessionScope, SystemScope


async def foregone(ledger: Ledger, number: int, *, login: str = "") -> Debt:
    nothing = replace(request(number, login=login), foregone=NOTHING_TO_END)
    return await untried(ledger, nothing, origin="", drivers=DRIVERS)


class Owing(LedgerSubject):
    async def test_a_record_says_what_is_owed_and_is_there_after_the_next_start(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            owed = await untried(ledger, request(1, everything=True), origin=ORIGIN, drivers=["memory", "sqlite"])
        scopes = (SessionScope(request(1).session_id, "A"), SystemScope("A"))
        assert owed.evictions == {"memory": scopes, "sqlite": scopes}
        assert (owed.state, owed.attempts, owed.revision, owed.due_at) == (LogoutState.OWED, 0, 1, START + self.grace)
        async with opened(make_ledger(KEYS)) as ledger:
            (found,) = await all_due(ledger)
            assert replace(found, due_at=owed.due_at) == owed
        assert owed.credential == request(1).credential

    async def test_what_an_end_system_said_is_kept_whatever_characters_it_used(self, ledger: Ledger) -> None:
        odd = LogoutOutcome(LogoutResult.PENDING, "\x00\ud800", 'broken "text"\n\N{SNOWMAN}', 3.5)
        settled = await ledger.settle(await record(ledger, 1), state=LogoutState.OWED, outcome=odd)
        assert settled is not None
        assert (await ledger.debt(settled.id)).outcome == replace(odd, code="\x00?")

    async def test_what_is_known_of_an_outcome_and_of_its_credential_is_kept(self, ledger: Ledger) -> None:
        outcome = LogoutOutcome(LogoutResult.ALREADY_OUT, proved=False, lives_on=(LivesOn("access token", 3.5), LivesOn("key")))
        owed = await record(ledger, 1)
        proved = replace(request(1), credential=request(1).credential.as_proved())
        again = await untried(ledger, proved, origin=ORIGIN, drivers=DRIVERS)
        assert again.credential is not None
        assert (again.id, again.revision, again.credential.proved) == (owed.id, 2, True)
        assert [debt.credential is not None and debt.credential.proved for debt in await all_due(ledger)] == [True]
        await ledger.settle(again, state=LogoutState.CLOSED, outcome=outcome)
        assert (await ledger.debt(owed.id)).outcome == outcome

    async def test_a_login_has_one_row_and_its_cleanups_add_up(self, ledger: Ledger) -> None:
        first = await untried(ledger, request(1, system=None), origin=ORIGIN, drivers=["memory"])
        second = await untried(ledger, request(1, everything=True), origin=ORIGIN, drivers=["sqlite"])
        session = request(1).session_id
        assert (second.id, second.revision, second.system_id) == (first.id, 2, "A")
        assert second.evictions == {
            "memory": (SessionScope(session, None),),
            "sqlite": (SessionScope(session, "A"), SystemScope("A")),
        }

    async def test_another_credential_or_session_is_another_login(self, ledger: Ledger) -> None:
        debts = [await record(ledger, 1, "t"), await record(ledger, 1, "u"), await record(ledger, 2, "t")]
        assert len({debt.id for debt in debts}) == 3

    async def test_a_thousand_duplicates_at_once_are_one_row(self, ledger: Ledger) -> None:
        debts = await asyncio.gather(*(record(ledger, 1) for _ in range(1000)))
        assert sorted(debt.revision for debt in debts) == [*range(1, 1001)]
        assert len(await ledger.listing()) == 1

    async def test_cleanups_that_come_together_are_told_apart(
        self,
        ledger: Ledger,
    ) -> None:
        known = await record(ledger, 1)
        numbers = [1, 2, 3, 2, 4, 1]
        debts = await asyncio.gather(*(record(ledger, number) for number in numbers))
        assert [debt.session_id for debt in debts] == [request(number).session_id for number in numbers]
        assert [debt.revision for debt in debts] == [2, 1, 1, 2, 1, 3]
        assert len({debt.id for debt in debts}) == 4
        assert debts[0].id == known.id
        assert {debt.id: debt.revision for debt in await all_due(ledger)} == {debt.id: debt.revision for debt in debts}

    async def test_of_a_cleanup_that_had_nothing_to_end_nothing_is_kept_once_all_is_evicted(self, ledger: Ledger) -> None:
        debts = await asyncio.gather(*(foregone(ledger, number) for number in range(20)))
        assert [debt.state for debt in debts] == [LogoutState.CLOSED] * 20
        half = await ledger.settle(debts[0], state=LogoutState.CLOSED, evicted=["memory"])
        assert half is not None
        assert [*half.evictions] == ["sqlite"]
        whole = [ledger.settle(debt, state=LogoutState.CLOSED, evicted=DRIVERS) for debt in debts[1:]]
        assert await asyncio.gather(*whole) == [None] * 19
        assert await ledger.listing(states=[*LogoutState]) == [replace(half, credential=None)]

    @pytest.mark.parametrize("without_asking", sorted(WITHOUT_ASKING, key=str), ids=str)
    async def test_a_login_that_is_owed_is_closed_by_no_cleanup_that_asks_nobody(
        self, ledger: Ledger, without_asking: LogoutOutcome
    ) -> None:
        owed = await record(ledger, 1)
        again = await untried(ledger, replace(request(1), foregone=without_asking), origin="", drivers=DRIVERS)
        assert (again.id, again.state, again.origin, again.credential) == (owed.id, LogoutState.OWED, ORIGIN, owed.credential)

    async def test_a_cleanup_leaves_a_debt_to_the_end_system_that_it_was_made_for(self, ledger: Ledger) -> None:
        await record(ledger, 1)
        again = await record(ledger, 1, origin="https://new.example.com")
        assert (again.origin, again.revision) == (ORIGIN, 2)

    async def test_what_two_cleanups_have_asked_for_is_kept_when_the_first_of_them_is_done(self, ledger: Ledger) -> None:
        first, second = await foregone(ledger, 1), await foregone(ledger, 1)
        settled = await ledger.settle(first, state=LogoutState.CLOSED, evicted=DRIVERS)
        assert settled is not None
        assert {*settled.evictions} == {*DRIVERS}
        after = await ledger.settle(second, state=LogoutState.CLOSED, evicted=DRIVERS)
        assert after is not None
        assert after.owes_nothing

    async def test_a_session_that_was_closed_by_its_seal_is_remembered(self, ledger: Ledger) -> None:
        debt = await foregone(ledger, 1, login="by-seal")
        settled = await ledger.settle(debt, state=LogoutState.CLOSED, evicted=DRIVERS)
        assert settled is not None
        assert settled.owes_nothing
