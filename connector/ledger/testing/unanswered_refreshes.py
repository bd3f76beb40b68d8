"""Refreshes of which nobody knows what they have made: in no case is a login alive that no list shows."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    DRIVERS,
    KEYS,
    ORIGIN,
    VERIFIED,
    LedgerSubject,
    MakeLedger,
    SetClock,
    close,
    open_,
    opened,
    record,
    request,
    session,
)
from connector.ledger.testing.seating import POOL, UNPROVED, seated
from connector.model.begun import refresh_of
from connector.model.cleanup import Missed
from connector.model.debts import Debt, LogoutState
from connector.model.listed import SessionState
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.model.seat_pools import HeldSeats
from connector.model.sessions import RefreshState, Renewal

SESSION, LOGIN = session(1).session_id, "l"
NOT_KNOWN = LogoutOutcome(LogoutResult.ALREADY_OUT, proved=True)
ACKNOWLEDGED = LogoutOutcome(LogoutResult.ACKNOWLEDGED)
OPEN = (LOGIN, SessionState.OPEN)
IN_DOUBT = (refresh_of(LOGIN), SessionState.UNKNOWN)


async def begin(ledger: Ledger, version: int = 0) -> None:
    assert (await ledger.claim_refresh(SESSION, LOGIN, version)).state is RefreshState.OURS


async def doubt(ledger: Ledger) -> None:
    """Refresh the login without an answer."""
    await begin(ledger)
    await ledger.release_refresh(SESSION, LOGIN, unanswered=True)


async def renew(ledger: Ledger, version: int = 0) -> None:
    """Record what a refresh has made."""
    credential = request(1, f"version {version + 1}").credential
    await ledger.renew(Renewal(SESSION, LOGIN, version, credential, ends_refresh=True))


async def listed(ledger: Ledger) -> list[tuple[str, SessionState]]:
    return [(each.login_id, each.state) for each in await ledger.session_listing()]


async def unknown(ledger: Ledger) -> int:
    """Return of how many logins it is unknown what they are; none is under way."""
    totals = await ledger.statistics()
    assert totals.openings == 0
    assert (await ledger.known_sessions()).unknown == totals.unknown
    return totals.unknown


async def cleaned_up(ledger: Ledger) -> Debt:
    return await record(ledger, 1, LOGIN, login=LOGIN)


async def ended(ledger: Ledger, outcome: LogoutOutcome) -> Debt:
    """Clean the session up, and close its logout with this outcome."""
    closed = await ledger.settle(await cleaned_up(ledger), state=LogoutState.CLOSED, outcome=outcome)
    assert closed is not None
    return closed


class UnansweredRefreshes(LedgerSubject):
    async def test_a_refresh_is_no_login_beside_its_session(self, ledger: Ledger) -> None:
        await seated(ledger, 1)
        await begin(ledger)
        assert (await listed(ledger), await unknown(ledger)) == ([OPEN], 0)
        assert await ledger.held_seats(POOL) == HeldSeats(sessions=1)
        await renew(ledger)
        assert (await listed(ledger), await unknown(ledger)) == ([OPEN], 0)

    async def test_one_of_which_nothing_came_leaves_nothing(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, LOGIN))
        await begin(ledger)
        for _ in range(2):
            await ledger.release_refresh(SESSION, LOGIN)
        assert (await listed(ledger), await unknown(ledger)) == ([OPEN], 0)

    async def test_one_without_an_answer_is_listed_once_its_session_is_over(self, ledger: Ledger) -> None:
        await seated(ledger, 1)
        await doubt(ledger)
        await ledger.release_refresh(SESSION, LOGIN, unanswered=True)
        await ledger.seat_uncounted(lambda _: POOL)
        assert (await listed(ledger), await unknown(ledger)) == ([OPEN], 0)
        assert await ledger.held_seats(POOL) == HeldSeats(sessions=1)
        await cleaned_up(ledger)
        assert (await listed(ledger), await unknown(ledger)) == ([IN_DOUBT], 1)
        assert await ledger.held_seats(POOL) == HeldSeats(owed=1)

    @pytest.mark.parametrize("ends_refresh", [False, True])
    async def test_it_is_in_doubt_until_a_later_refresh_has_renewed_the_login(
        self, ledger: Ledger, *, ends_refresh: bool
    ) -> None:
        await open_(ledger, session(1, LOGIN))
        await doubt(ledger)
        await begin(ledger)
        await ledger.release_refresh(SESSION, LOGIN)
        await begin(ledger)
        await ledger.renew(Renewal(SESSION, LOGIN, 0, request(1, "newer").credential, ends_refresh=ends_refresh))
        await ledger.release_refresh(SESSION, LOGIN)
        await ended(ledger, NOT_KNOWN)
        assert await listed(ledger) == ([] if ends_refresh else [IN_DOUBT])

    @pytest.mark.parametrize("outcome", [VERIFIED, ACKNOWLEDGED])
    async def test_a_logout_that_is_confirmed_frees_the_seat_and_leaves_the_doubt(
        self, ledger: Ledger, outcome: LogoutOutcome
    ) -> None:
        await seated(ledger, 1)
        await doubt(ledger)
        await ended(ledger, outcome)
        assert (await listed(ledger), await ledger.held_seats(POOL)) == ([IN_DOUBT], HeldSeats())

    async def test_where_the_credential_is_not_known_the_seat_is_held_until_a_person_has_looked(self, ledger: Ledger) -> None:
        await seated(ledger, 1)
        await doubt(ledger)
        debt = await ended(ledger, NOT_KNOWN)
        for _ in range(2):
            await ledger.settle(debt, state=None, evicted=DRIVERS)
            assert (await listed(ledger), await ledger.held_seats(POOL)) == ([IN_DOUBT], HeldSeats(unknown=1))
        await ledger.let_go_opening(refresh_of(LOGIN))
        assert (await listed(ledger), await ledger.held_seats(POOL)) == ([], HeldSeats())

    async def test_a_logout_that_is_not_proved_keeps_its_seat_itself(self, ledger: Ledger) -> None:
        await seated(ledger, 1)
        await doubt(ledger)
        await ended(ledger, UNPROVED)
        assert (await listed(ledger), await ledger.held_seats(POOL)) == ([IN_DOUBT], HeldSeats(unproved=1))

    @pytest.mark.parametrize(("outcome", "seats"), [(NOT_KNOWN, 1), (ACKNOWLEDGED, 0)])
    async def test_that_holds_for_a_logout_as_well_that_was_done_before_it_was_recorded(
        self, ledger: Ledger, outcome: LogoutOutcome, seats: int
    ) -> None:
        await seated(ledger, 1)
        await doubt(ledger)
        done = replace(request(1, LOGIN, login=LOGIN), foregone=outcome)
        await ledger.record_late(Missed(done, ORIGIN, (), [LOGIN]))
        assert (await listed(ledger), await ledger.held_seats(POOL)) == ([IN_DOUBT], HeldSeats(unknown=seats))

    async def test_it_is_let_go_with_the_seat_of_its_logout_once_the_login_is_too_old(self, ledger: Ledger) -> None:
        await seated(ledger, 1)
        await doubt(ledger)
        await ended(ledger, NOT_KNOWN)
        assert await ledger.held_seats(POOL) == HeldSeats(unknown=1)
        [gone] = await ledger.let_go_unknown(1)
        assert (gone.session_id, gone.login_id) == (SESSION, refresh_of(LOGIN))
        assert (await listed(ledger), await ledger.held_seats(POOL)) == ([], HeldSeats())

    async def test_whoever_is_gone_has_told_nobody_what_his_refresh_has_made(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as gone:
            await open_(gone, session(1, LOGIN))
            await begin(gone)
        async with opened(make_ledger(KEYS)) as ledger:
            assert (await listed(ledger), await unknown(ledger)) == ([OPEN], 0)
            await ended(ledger, NOT_KNOWN)
            assert (await listed(ledger), await unknown(ledger)) == ([IN_DOUBT], 1)

    async def test_the_next_login_of_the_session_has_nothing_to_do_with_it(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, LOGIN))
        await doubt(ledger)
        await open_(ledger, session(1, "second", "second"))
        [debt] = await ledger.owed_of(SESSION)
        await ledger.settle(debt, state=LogoutState.CLOSED, outcome=NOT_KNOWN)
        assert await listed(ledger) == [IN_DOUBT, ("second", SessionState.OPEN)]
        assert (await ledger.claim_refresh(SESSION, "second", 0)).state is RefreshState.OURS
        await ledger.release_refresh(SESSION, "second")
        await close(ledger, await record(ledger, 1, "second", login="second"))
        assert await listed(ledger) == [IN_DOUBT]


class SharedUnansweredRefreshes(LedgerSubject):
    """What is promised of a store that has several owners at a time."""

    async def test_that_of_an_owner_that_is_gone_is_in_doubt_for_all(self, owners: Sequence[Ledger], clock: SetClock) -> None:
        gone, *others = owners
        await open_(gone, session(1, LOGIN))
        await begin(gone)
        await self._forget(clock, others)
        await ended(others[0], NOT_KNOWN)
        assert [await unknown(other) for other in others] == [1, 1]

    async def test_what_comes_of_it_all_the_same_ends_the_doubt(self, owners: Sequence[Ledger], clock: SetClock) -> None:
        paused, *others = owners
        await open_(paused, session(1, LOGIN))
        await begin(paused)
        await self._forget(clock, others)
        await renew(paused)
        await ended(others[0], NOT_KNOWN)
        assert [await unknown(owner) for owner in owners] == [0, 0, 0]

    async def test_it_is_owed_again_by_what_comes_after_its_end(self, owners: Sequence[Ledger], clock: SetClock) -> None:
        paused, *others = owners
        await seated(paused, 1)
        await begin(paused)
        await self._forget(clock, others)
        await ended(others[0], NOT_KNOWN)
        await renew(paused)
        assert await others[0].held_seats(POOL) == HeldSeats(owed=1)
        [debt] = await others[0].claim_due(clock.now, per_origin=9, limit=9)
        assert (debt.credential, debt.version) == (request(1, "version 1").credential, 1)
        assert [await unknown(owner) for owner in owners] == [0, 0, 0]

    async def test_one_that_was_overtaken_is_in_doubt_until_it_is_recorded(self, owners: Sequence[Ledger]) -> None:
        first, second, _ = owners
        await open_(first, session(1, LOGIN))
        await begin(first)
        await second.renew(Renewal(SESSION, LOGIN, 0, request(1, "by an answer").credential))
        await renew(first)
        await first.release_refresh(SESSION, LOGIN, unanswered=True)
        await ended(second, NOT_KNOWN)
        assert await listed(second) == [IN_DOUBT]

    async def _forget(self, clock: SetClock, others: Sequence[Ledger]) -> None:
        """Let a time pass in which only these owners do anything."""
        for _ in range(3):
            clock.now += 0.6 * self.gone_after
            for other in others:
                await other.claim_due(clock.now, per_origin=9, limit=9)
