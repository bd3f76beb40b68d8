"""Which debts are due, fairly between origins, and each of them in one hand at a time."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import pytest

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    GRACE,
    HOUR,
    KEYS,
    START,
    LedgerSubject,
    MakeLedger,
    SetClock,
    all_due,
    close,
    opened,
    record,
)
from connector.model.errors import ConfigurationError


class Claims(LedgerSubject):
    async def test_origins_take_turns_so_that_a_big_one_hides_no_other(self, ledger: Ledger) -> None:
        for number in range(50):
            await record(ledger, number, origin="big" if number < 40 else f"small {number}")
        taken = [await ledger.claim_due(START + GRACE, per_origin=1, limit=3) for _ in range(4)]
        assert {debt.origin for debts in taken for debt in debts} == {"big", *(f"small {number}" for number in range(40, 50))}

    async def test_no_origin_has_more_than_its_room(self, ledger: Ledger) -> None:
        for number in range(50):
            await record(ledger, number, origin="big" if number < 40 else "small")
        found = await ledger.claim_due(START + GRACE, per_origin=4, limit=1000)
        assert sorted(debt.origin for debt in found) == ["big"] * 4 + ["small"] * 4
        for debt in found[6:]:
            await ledger.release(debt)
        assert len(await ledger.claim_due(START + GRACE, per_origin=4, limit=1000)) == 2

    async def test_what_is_claimed_is_not_claimed_again_before_it_is_released(self, ledger: Ledger) -> None:
        debts = [await record(ledger, number) for number in range(5)]
        claimed = await ledger.claim_due(START + GRACE, per_origin=4, limit=3)
        assert [debt.id for debt in claimed] == [debt.id for debt in debts[:3]]
        assert await ledger.next_due(START, per_origin=4) == START + self.grace
        assert await ledger.next_due(START, per_origin=3) is None
        assert [debt.id for debt in await ledger.claim_due(START + GRACE, per_origin=4, limit=10)] == [debts[3].id]
        for _ in range(2):
            await ledger.release(claimed[1])
        assert [debt.id for debt in await ledger.claim_due(START + GRACE, per_origin=4, limit=10)] == [debts[1].id]

    async def test_two_who_claim_at_once_are_not_given_the_same(self, ledger: Ledger) -> None:
        for number in range(20):
            await record(ledger, number)
        claims = await asyncio.gather(*(ledger.claim_due(START + GRACE, per_origin=100, limit=5) for _ in range(5)))
        assert sorted(debt.id for debts in claims for debt in debts) == [*range(1, 21)]

    @pytest.mark.parametrize("turns", range(8))
    async def test_a_claim_of_a_call_that_was_cancelled_does_not_last(self, ledger: Ledger, turns: int) -> None:
        debt = await record(ledger, 1)
        claiming = asyncio.ensure_future(ledger.claim_due(START + GRACE, per_origin=1, limit=1))
        for _ in range(turns):
            await asyncio.sleep(0)
        claiming.cancel()
        if not (await asyncio.wait([claiming]))[0].pop().cancelled():
            await ledger.release(debt)
        assert await ledger.claim_due(START + GRACE + self.gone_after, per_origin=1, limit=1) == [debt]

    async def test_the_longest_due_goes_first_and_an_empty_origin_is_one_like_any_other(
        self, ledger: Ledger, clock: SetClock
    ) -> None:
        late = await record(ledger, 1, origin="")
        clock.now -= 10
        early = await record(ledger, 2, origin="")
        assert [debt.id for debt in await ledger.claim_due(START + HOUR, per_origin=1, limit=1)] == [early.id]
        await ledger.release(early)
        assert {debt.id for debt in await all_due(ledger)} == {late.id, early.id}
        assert await ledger.next_due(START) == START - 10 + self.grace

    async def test_nothing_owed_means_nothing_due(self, ledger: Ledger) -> None:
        await close(ledger, await record(ledger, 1))
        assert await ledger.next_due(START) is None

    async def test_a_clock_that_was_years_ahead_parks_nothing(self, ledger: Ledger, clock: SetClock) -> None:
        clock.now += 5 * 365 * 86_400
        debt = await record(ledger, 1)
        clock.now = START
        assert await ledger.next_due(START) == START
        assert [due.id for due in await all_due(ledger, START)] == [debt.id]

    async def test_what_a_former_owner_had_claimed_can_be_claimed_by_the_next(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            debts = [await record(ledger, number) for number in range(3)]
            assert len(await ledger.claim_due(START + GRACE, per_origin=2, limit=10)) == 2
        async with opened(make_ledger(KEYS)) as ledger:
            claimed = await ledger.claim_due(START + GRACE, per_origin=3, limit=10)
            assert [debt.id for debt in claimed] == [debt.id for debt in debts]

    async def test_a_store_is_shared_by_its_owners_or_refuses_a_second_one(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger, AsyncExitStack() as stack:
            debt = await record(ledger, 1)
            if self.shared:
                second = await stack.enter_async_context(opened(make_ledger(KEYS)))
                assert (await record(second, 1)).id == debt.id
            else:
                with pytest.raises(ConfigurationError):
                    await stack.enter_async_context(opened(make_ledger(KEYS)))
            assert len(await ledger.listing()) == 1


class SharedClaims(LedgerSubject):
    """What is promised of a store that has several owners at a time."""

    async def test_no_owner_is_given_what_another_has_claimed(self, owners: Sequence[Ledger]) -> None:
        first, *others = owners
        debts = [await record(first, number) for number in range(12)]
        claims = await asyncio.gather(*(owner.claim_due(START + GRACE, per_origin=100, limit=3) for owner in owners))
        claimed = [debt for debts in claims for debt in debts]
        assert len({debt.id for debt in claimed}) == len(claimed) == 3 * len(owners)
        for owner in others:
            await owner.release(claims[0][0])
        left = [debt.id for debt in debts if debt not in claimed]
        assert [debt.id for debt in await first.claim_due(START + GRACE, per_origin=100, limit=100)] == left

    async def test_the_bound_of_an_origin_counts_the_claims_of_all_owners(self, owners: Sequence[Ledger]) -> None:
        for number in range(20):
            await record(owners[0], number)
        claims = await asyncio.gather(*(owner.claim_due(START + GRACE, per_origin=4, limit=3) for owner in owners))
        assert sum(map(len, claims)) == 4
        assert [await owner.next_due(START, per_origin=4) for owner in owners] == [None] * len(owners)

    async def test_an_owner_that_looks_for_work_keeps_its_claims_one_that_is_gone_does_not(
        self, owners: Sequence[Ledger], clock: SetClock
    ) -> None:
        at_work, gone = owners[:2]
        clock.now += GRACE
        for number in range(2):
            await record(at_work, number)
        clock.now += GRACE
        (kept,) = await at_work.claim_due(clock.now, per_origin=9, limit=1)
        (lost,) = await gone.claim_due(clock.now, per_origin=9, limit=1)
        assert await at_work.claim_due(clock.now, per_origin=9, limit=9) == []
        for _ in range(2):
            clock.now += 0.6 * self.gone_after
            found = await at_work.claim_due(clock.now, per_origin=9, limit=9)
        assert [debt.id for debt in found] == [lost.id] != [kept.id]
        await gone.release(lost)
        assert await at_work.claim_due(clock.now, per_origin=9, limit=9) == []
