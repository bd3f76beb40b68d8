"""What a person is shown and does."""

from dataclasses import replace

import pytest

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    DRIVERS,
    HOUR,
    ORIGIN,
    PENDING,
    REFUSED,
    START,
    LedgerSubject,
    SetClock,
    all_due,
    close,
    record,
    request,
    untried,
)
from connector.model.debts import Debt, LogoutState, Sorted, Totals
from connector.model.errors import NoSuchDebt
from connector.model.outcomes import OTHER_END_SYSTEM


class Steering(LedgerSubject):
    async def test_a_refused_logout_waits_for_a_human_until_opshub_asks_again(self, ledger: Ledger) -> None:
        waiting = await ledger.settle(
            await record(ledger, 1), state=LogoutState.WAITING, outcome=REFUSED, waited=77, evicted=DRIVERS
        )
        assert waiting is not None
        assert await all_due(ledger, START + HOUR) == []
        assert [debt.id for debt in await ledger.listing(states=[LogoutState.WAITING])] == [waiting.id]
        again = await record(ledger, 1)
        assert (again.state, again.waited, again.outcome) == (LogoutState.OWED, 0, None)

    async def test_a_human_has_a_logout_retried_at_once(self, ledger: Ledger) -> None:
        waiting = await ledger.settle(await record(ledger, 1), state=LogoutState.WAITING, outcome=REFUSED)
        assert waiting is not None
        retried = await ledger.make_due(waiting.id)
        assert [debt.id for debt in await all_due(ledger, START)] == [retried.id]
        assert retried.credential == request(1).credential

    async def test_a_human_dismisses_a_logout_and_its_evictions_stay_owed(self, ledger: Ledger) -> None:
        debt = await record(ledger, 1)
        await ledger.dismiss(debt.id, "the site is gone\udc80")
        dismissed = await ledger.debt(debt.id)
        assert (dismissed.state, dismissed.dismissed, dismissed.closed_at) == (LogoutState.CLOSED, "the site is gone?", None)
        assert len(await ledger.owed_evictions("memory")) == 1
        late = await ledger.settle(debt, state=LogoutState.OWED, outcome=PENDING, evicted=DRIVERS)
        assert late is not None
        assert (late.state, late.closed_at) == (LogoutState.CLOSED, START)

    @pytest.mark.parametrize("closed", [True, False])
    async def test_what_is_closed_or_unknown_cannot_be_steered(self, ledger: Ledger, *, closed: bool) -> None:
        debt = await record(ledger, 1)
        await close(ledger, debt)
        id_ = debt.id if closed else 999
        with pytest.raises(NoSuchDebt):
            await ledger.make_due(id_)
        with pytest.raises(NoSuchDebt):
            await ledger.dismiss(id_, "why")

    async def test_a_system_named_like_a_driver_is_no_debt_to_the_driver(self, ledger: Ledger) -> None:
        await untried(ledger, request(1, system="archive", everything=True), origin=ORIGIN, drivers=["memory"])
        await untried(ledger, request(2, system='"archive":', everything=True), origin=ORIGIN, drivers=["memory"])
        assert await ledger.owed_evictions("archive") == []

    async def test_owed_evictions_are_told_in_slices(self, ledger: Ledger) -> None:
        ids = [(await record(ledger, number)).id for number in range(25)]
        slices: list[list[Debt]] = []
        while found := await ledger.owed_evictions("sqlite", after=slices[-1][-1].id if slices else 0, limit=10):
            slices.append(found)
        assert [len(each) for each in slices] == [10, 10, 5]
        assert [debt.id for each in slices for debt in each] == ids
        assert [debt.id for debt in await ledger.owed_evictions(None)] == ids

    async def test_a_listing_holds_no_credential_and_comes_in_slices(self, ledger: Ledger) -> None:
        debts = [await record(ledger, number) for number in range(5)]
        first = await ledger.listing(limit=3)
        assert [debt.id for debt in first + await ledger.listing(after=first[-1].id)] == [debt.id for debt in debts]
        assert {debt.credential for debt in first} == {None}

    async def test_the_totals_count_each_state(self, ledger: Ledger, clock: SetClock) -> None:
        debts = [await record(ledger, number) for number in range(4)]
        clock.now += 10
        await record(ledger, 9)
        await close(ledger, debts[0])
        await ledger.settle(debts[1], state=LogoutState.WAITING, outcome=REFUSED, evicted=DRIVERS)
        expected = Totals(owed=3, waiting=1, closed=1, evictions=3, quarantined=0, unreadable=0, oldest=START)
        assert replace(await ledger.statistics(), bytes=0) == expected

    async def test_a_debt_that_was_asked_for_again_since_it_was_read_is_not_sorted(self, ledger: Ledger) -> None:
        await record(ledger, 1)
        (seen,) = await all_due(ledger)
        again = await record(ledger, 1)
        await ledger.sort([Sorted(seen, OTHER_END_SYSTEM)])
        assert await all_due(ledger) == [again]
