"""Refreshes that are claimed, so that no two spend one refresh token."""

import asyncio
from collections.abc import Sequence

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    KEYS,
    ORIGIN,
    START,
    LedgerSubject,
    MakeLedger,
    SetClock,
    open_,
    opened,
    record,
    request,
    session,
)
from connector.model.debts import Debt
from connector.model.sessions import Current, RefreshClaim, RefreshState, Renewal

FIRST, SECOND = request(1, "first").credential, request(1, "second").credential
OURS = RefreshClaim(RefreshState.OURS, Current(FIRST, 0))
ANOTHERS = RefreshClaim(RefreshState.ANOTHERS, Current(FIRST, 0))
NONE = RefreshClaim(RefreshState.NOT_DUE, None)


async def claim(ledger: Ledger, version: int = 0, *, login: str = "l") -> RefreshClaim:
    """Claim the refresh of session 1."""
    return await ledger.claim_refresh(session(1).session_id, login, version)


async def release(ledger: Ledger) -> None:
    await ledger.release_refresh(session(1).session_id, "l")


async def renew(ledger: Ledger, *, ends_refresh: bool) -> Current | None:
    return await ledger.renew(Renewal(session(1).session_id, "l", 0, SECOND, ends_refresh=ends_refresh))


async def cleaned_up(ledger: Ledger) -> Debt:
    """Record a cleanup of session 1 whose logout is about to be tried."""
    return await ledger.record(request(1, "first", login="l"), origin=ORIGIN, drivers=())


class Refreshing(LedgerSubject):
    async def test_a_refresh_is_claimed_by_who_knows_the_current_credential(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "first"))
        for _ in range(2):
            assert await claim(ledger) == OURS
        assert await renew(ledger, ends_refresh=True) == Current(SECOND, 1)
        assert await claim(ledger) == RefreshClaim(RefreshState.NOT_DUE, Current(SECOND, 1))
        assert await claim(ledger, 1) == RefreshClaim(RefreshState.OURS, Current(SECOND, 1))

    async def test_what_is_not_open_or_has_no_credential_is_not_refreshed(self, ledger: Ledger) -> None:
        assert await claim(ledger) == NONE
        await open_(ledger, session(1, None))
        assert await claim(ledger) == NONE
        await open_(ledger, session(1, "first", "new"))
        assert await claim(ledger) == NONE
        await record(ledger, 1, "first", login="new")
        assert await claim(ledger, login="new") == NONE

    async def test_a_refresh_that_is_released_or_was_never_claimed_can_be_claimed(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "first"))
        for _ in range(2):
            await release(ledger)
            assert await claim(ledger) == OURS

    async def test_the_claim_of_an_owner_that_was_closed_does_not_last(self, make_ledger: MakeLedger) -> None:
        for _ in range(2):
            async with opened(make_ledger(KEYS)) as ledger:
                await open_(ledger, session(1, "first"))
                assert await claim(ledger) == OURS


class SharedRefreshing(LedgerSubject):
    """What is promised of a store that has several owners at a time."""

    async def test_of_all_owners_one_has_the_claim_until_it_has_renewed_the_login(self, owners: Sequence[Ledger]) -> None:
        await open_(owners[0], session(1, "first"))
        claims = await asyncio.gather(*map(claim, owners))
        assert sorted(claims, key=lambda each: each == ANOTHERS) == [OURS, ANOTHERS, ANOTHERS]
        first, second, third = sorted(owners, key=lambda owner: claims[owners.index(owner)] == ANOTHERS)
        await release(second)
        assert await claim(third) == ANOTHERS
        await renew(first, ends_refresh=True)
        assert await claim(second) == RefreshClaim(RefreshState.NOT_DUE, Current(SECOND, 1))
        assert await claim(second, 1) == RefreshClaim(RefreshState.OURS, Current(SECOND, 1))

    async def test_a_refresh_that_has_renewed_its_login_is_not_claimed_any_more(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        await open_(first, session(1, "first"))
        await claim(first)
        await renew(first, ends_refresh=True)
        await first.claim_due(START, per_origin=9, limit=9)
        assert await claim(second, 1) == RefreshClaim(RefreshState.OURS, Current(SECOND, 1))

    async def test_a_login_that_another_owner_refreshes_is_ended_by_nobody_before_that_is_over(
        self, owners: Sequence[Ledger]
    ) -> None:
        first, second, third = owners
        await open_(first, session(1, "first"))
        await claim(first)
        debt = await cleaned_up(second)
        assert debt.in_hand_elsewhere
        found = [await owner.claim_due(START, per_origin=9, limit=9) for owner in owners]
        assert (found, await third.next_due(START)) == ([[], [], []], None)
        await renew(first, ends_refresh=True)
        (newest,) = await third.claim_due(START, per_origin=9, limit=9)
        assert (newest.id, newest.credential) == (debt.id, SECOND)

    async def test_a_login_whose_refresh_was_in_vain_is_ended_by_whoever_looks(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        await open_(first, session(1, "first"))
        await claim(first)
        debt = await cleaned_up(second)
        await release(first)
        (found,) = await second.claim_due(START, per_origin=9, limit=9)
        assert found.id == debt.id

    async def test_a_claim_outlives_a_renewal_by_another_answer(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        await open_(first, session(1, "first"))
        await claim(first)
        await renew(second, ends_refresh=False)
        for version in (0, 1):
            assert await claim(second, version) == RefreshClaim(RefreshState.ANOTHERS, Current(SECOND, 1))
        third = await first.renew(Renewal(session(1).session_id, "l", 0, FIRST, ends_refresh=True))
        assert third == Current(SECOND, 1), "it was overtaken"
        assert (await claim(second, 1)).state is RefreshState.ANOTHERS
        await release(first)
        assert (await claim(second, 1)).state is RefreshState.OURS

    async def test_a_claim_that_was_in_vain_is_released_for_the_others(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        await open_(first, session(1, "first"))
        await claim(first)
        await release(first)
        assert [await claim(owner) for owner in (second, first)] == [OURS, ANOTHERS]

    async def test_a_claim_ends_with_the_renewal_of_a_login_that_was_closed_meanwhile(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        await open_(first, session(1, "first"))
        await claim(first)
        await record(second, 1, "first", login="l")
        assert await claim(second) == NONE
        assert await renew(first, ends_refresh=True) == Current(SECOND, 1, is_open=False)
        await open_(second, session(1, "first"))
        assert await claim(second) == OURS

    async def test_an_owner_that_looks_for_work_keeps_its_refresh_one_that_is_gone_does_not(
        self, owners: Sequence[Ledger], clock: SetClock
    ) -> None:
        at_work, waiting, _ = owners
        await open_(at_work, session(1, "first"))
        await claim(at_work)
        for _ in range(2):
            clock.now += 0.6 * self.gone_after
            await at_work.claim_due(clock.now, per_origin=9, limit=9)
            assert await claim(waiting) == ANOTHERS
        clock.now += 1.1 * self.gone_after
        assert [await claim(owner) for owner in (waiting, at_work)] == [OURS, ANOTHERS]

    async def test_a_refresh_of_an_owner_that_was_closed_is_free(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as waiting:
            async with opened(make_ledger(KEYS)) as closed:
                await open_(closed, session(1, "first"))
                await claim(closed)
                assert await claim(waiting) == ANOTHERS
            assert await claim(waiting) == OURS
