"""What is promised of a store with several owners about the first try of a logout: one of them sends, and the others know."""

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    DRIVERS,
    KEYS,
    ORIGIN,
    PENDING,
    START,
    VERIFIED,
    LedgerSubject,
    MakeLedger,
    SetClock,
    open_,
    opened,
    opening,
    record,
    request,
    session,
)
from connector.model.debts import Debt, LogoutState
from connector.model.sessions import Renewal


async def tried(ledger: Ledger, number: int = 1, *, login: str = "l") -> Debt:
    """Record a cleanup whose logout is about to be tried."""
    return await ledger.record(request(number, login=login), origin=ORIGIN, drivers=DRIVERS)


async def settle(ledger: Ledger, debt: Debt, state: LogoutState = LogoutState.CLOSED) -> Debt | None:
    """Record the end of a try."""
    outcome = VERIFIED if state is LogoutState.CLOSED else PENDING
    return await ledger.settle(debt, state=state, outcome=outcome, due_at=START + 99, release=True)


async def due(ledger: Ledger, now: float = START, *, per_origin: int = 9) -> list[int]:
    return [debt.id for debt in await ledger.claim_due(now, per_origin=per_origin, limit=100)]


class SharedFirstTries(LedgerSubject):
    async def test_nobody_retries_what_a_cleanup_is_trying(self, owners: Sequence[Ledger]) -> None:
        debt = await tried(owners[0])
        assert not debt.in_hand_elsewhere
        assert [(await due(owner), await owner.next_due(START)) for owner in owners] == [([], None)] * 3

    async def test_a_duplicate_elsewhere_is_told_that_another_owner_tries_it(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        debt = await tried(first)
        duplicate = await tried(second)
        assert (duplicate.in_hand_elsewhere, duplicate.id, duplicate.revision) == (True, debt.id, 2)
        assert not await second.may_send(duplicate, retried=False)
        assert await first.may_send(debt, retried=False)
        await second.release(duplicate)
        assert await due(second) == []

    async def test_a_duplicate_is_told_so_of_what_another_owner_retries(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        await record(first, 1, login="l")
        assert len(await due(first)) == 1
        assert (await tried(second)).in_hand_elsewhere

    async def test_who_claims_what_was_read_tries_it_alone(self, owners: Sequence[Ledger]) -> None:
        first, second, third = owners
        await first.release(await tried(first))
        (read,) = await second.owed_of(request(1).session_id)
        assert [await second.claim(read), await third.claim(read), await second.claim(read)] == [True, False, True]
        assert [await each.may_send(read, retried=True) for each in (second, third)] == [True, False]
        assert await due(third) == []
        await second.release(read)
        assert await due(third) == [read.id]

    async def test_what_needs_attention_is_claimed_as_well(self, owners: Sequence[Ledger]) -> None:
        first, second, third = owners
        debt = await tried(first)
        await settle(first, debt, LogoutState.WAITING)
        (read,) = await second.owed_of(debt.session_id)
        assert [await second.claim(read), await third.claim(read), await second.may_send(read, retried=True)] == [
            True,
            False,
            True,
        ]
        await settle(second, read)
        assert not await third.claim(read)

    async def test_nobody_claims_what_a_cleanup_is_trying_elsewhere(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        await tried(first)
        (read,) = await second.owed_of(request(1).session_id)
        assert not await second.claim(read)

    async def test_nobody_claims_what_another_owner_refreshes(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        await open_(first, session(1, login="l"))
        await first.claim_refresh(session(1).session_id, "l", 0)
        await second.release(await tried(second))
        (read,) = await second.owed_of(session(1).session_id)
        assert not await second.claim(read)
        await first.release_refresh(session(1).session_id, "l")
        assert await second.claim(read)

    async def test_a_try_that_is_settled_leaves_its_debt_to_any_owner(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        debt = await tried(first)
        await settle(first, debt, LogoutState.OWED)
        assert (await due(second), await due(second, START + 99)) == ([], [debt.id])

    async def test_a_try_that_was_broken_off_leaves_its_debt_due_at_once(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        debt = await tried(first)
        for _ in range(2):
            await first.release(debt)
        assert await due(second) == [debt.id]

    async def test_two_tries_of_one_owner_have_one_claim_that_ends_with_the_last(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        debt, duplicate = await tried(first), await tried(first)
        assert not duplicate.in_hand_elsewhere
        for _ in range(2):
            await first.release(debt)
        assert await due(second) == []
        await settle(first, duplicate, LogoutState.OWED)
        assert await due(second, START + 99) == [debt.id]

    async def test_a_duplicate_whose_first_cleanup_fails_is_due_at_once(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        debt = await tried(first)
        await tried(second)
        await settle(first, debt, LogoutState.OWED)
        assert await due(second) == [debt.id]

    async def test_settlements_and_records_at_once_leave_no_claim_and_lose_none(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners

        async def cleaned_up(owner: Ledger, number: int) -> None:
            debt = await tried(owner, number)
            if not debt.in_hand_elsewhere:
                assert await owner.may_send(debt, retried=False)
                await settle(owner, debt, LogoutState.OWED)

        cleanups = [cleaned_up(owner, number % 10) for owner in (first, second) for number in range(60)]
        await asyncio.gather(*cleanups, *(due(owner, START - 1) for owner in owners for _ in range(20)))
        assert len(await due(first, START + 99, per_origin=100)) == 10

    async def test_first_tries_take_no_room_of_the_retries(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        for number in range(5):
            await tried(first, number)
        owed = [(await record(second, number)).id for number in range(5, 10)]
        assert await due(second, per_origin=2) == owed[:2]
        assert await due(first, per_origin=2) == []

    async def test_what_an_owner_that_is_gone_was_trying_is_due_at_once(self, owners: Sequence[Ledger], clock: SetClock) -> None:
        gone, other, _ = owners
        debt = await tried(gone)
        await self.take_for_gone(other, clock)
        assert await due(other) == [debt.id]
        assert not await gone.may_send(debt, retried=False)

    async def test_what_may_be_sent_twice_is_counted_by_whoever_took_it_over(
        self, owners: Sequence[Ledger], clock: SetClock
    ) -> None:
        gone, other, third = owners
        for number in range(3):
            await tried(gone, number)
        await settle(gone, await tried(gone, 3))
        await self.take_for_gone(other, clock)
        assert sum([(await owner.statistics()).maybe_twice for owner in (other, third)]) == 3

    @pytest.mark.parametrize("again", [False, True])
    async def test_a_late_settlement_can_only_close(self, owners: Sequence[Ledger], clock: SetClock, *, again: bool) -> None:
        late, other, _ = owners
        debt = await tried(late)
        await self.take_for_gone(other, clock)
        (retried,) = await other.claim_due(START, per_origin=9, limit=9)
        if again:  # it has looked for work since
            await due(late)
        for state in (LogoutState.OWED, LogoutState.WAITING):
            await settle(late, debt, state)
            assert (await other.debt(debt.id)) == replace(retried, credential=None)
        await settle(late, debt)
        assert (await other.debt(debt.id)).state is LogoutState.CLOSED
        await settle(other, retried, LogoutState.OWED)
        assert (await other.debt(debt.id)).state is LogoutState.CLOSED

    async def test_a_late_settlement_ends_no_claim_of_another_owner(self, owners: Sequence[Ledger], clock: SetClock) -> None:
        late, other, third = owners
        debt = await tried(late)
        await self.take_for_gone(other, clock)
        assert await due(other) == [debt.id]
        await settle(late, debt, LogoutState.OWED)
        await late.release(debt)
        assert [await due(owner) for owner in (late, third)] == [[], []]

    async def test_what_is_in_use_again_is_not_sent(self, owners: Sequence[Ledger], clock: SetClock) -> None:
        first, second, _ = owners
        debt = await tried(first)
        await open_(second, session(1, login="again"))  # its end system has handed the credential out once more
        clock.now += 0.6 * self.gone_after
        assert not await first.may_send(debt, retried=False)

    async def test_what_was_renewed_is_not_sent_by_its_older_credential(self, owners: Sequence[Ledger], clock: SetClock) -> None:
        first, second, _ = owners
        debt = await tried(first)
        clock.now += 0.6 * self.gone_after
        assert await first.may_send(debt, retried=False)
        await second.renew(Renewal(debt.session_id, "l", 0, request(1, "newer").credential))
        clock.now += 0.6 * self.gone_after
        assert not await first.may_send(debt, retried=False)

    async def test_a_login_that_failed_half_way_is_tried_by_its_owner_alone(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        await first.begin_opening(opening(session(1)))
        debt = await first.end_login(session(1), being_tried=True)
        assert debt is not None
        assert (await due(second), await first.may_send(debt, retried=False)) == ([], True)
        assert await first.forget(debt)
        assert (await tried(second)).in_hand_elsewhere is False

    async def test_a_login_that_failed_half_way_and_is_asked_for_is_tried_on(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        await first.begin_opening(opening(session(1)))
        debt = await first.end_login(session(1), being_tried=True)
        assert debt is not None
        assert (await tried(second)).in_hand_elsewhere
        assert not await first.forget(debt)
        await settle(first, debt, LogoutState.OWED)
        assert await due(second) == [debt.id]

    async def test_what_is_not_owed_is_claimed_by_nobody(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        await settle(first, await tried(first))
        duplicates = [await tried(owner) for owner in (first, second)]
        assert [(each.state, each.in_hand_elsewhere) for each in duplicates] == [(LogoutState.CLOSED, False)] * 2

    async def test_what_an_owner_was_trying_that_was_closed_is_due_at_once(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as other:
            async with opened(make_ledger(KEYS)) as closed:
                debt = await tried(closed)
                assert await due(other) == []
            assert await due(other) == [debt.id]

    @pytest.mark.parametrize("turns", range(8))
    async def test_a_record_whose_caller_was_cancelled_claims_nothing_that_lasts(
        self, owners: Sequence[Ledger], turns: int
    ) -> None:
        first, second, _ = owners
        recording = asyncio.ensure_future(tried(first))
        for _ in range(turns):
            await asyncio.sleep(0)
        recording.cancel()
        if not (await asyncio.wait([recording]))[0].pop().cancelled():
            await first.release(recording.result())
        debt = await record(first, 1, login="l")  # it is there in any case
        await due(first, START - 1)
        assert await due(second) == [debt.id]

    async def take_for_gone(self, watcher: Ledger, clock: SetClock) -> None:
        """Let a watcher see that the others are silent, until they count as gone."""
        for _ in range(3):
            await watcher.claim_due(clock.now, per_origin=9, limit=0)
            clock.now += 0.6 * self.gone_after
        await watcher.claim_due(clock.now, per_origin=9, limit=0)
