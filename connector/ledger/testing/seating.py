"""Seats: never more logins alive than there are, each given back once, and none for good."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    DRIVERS,
    HOUR,
    KEYS,
    ORIGIN,
    REFUSED,
    ROTATED,
    START,
    VERIFIED,
    LedgerSubject,
    MakeLedger,
    all_due,
    close,
    open_,
    opened,
    opening,
    owed,
    record,
    request,
    session,
    untried,
)
from connector.ledger.testing.ticking import ticks, use
from connector.model.cleanup import Missed
from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import IN_USE_AGAIN, LogoutOutcome, LogoutResult
from connector.model.seat_pools import HeldSeats
from connector.model.sessions import OpenSession, Renewal, Replaced

POOL = "the licence of the desk"
UNPROVED = LogoutOutcome(LogoutResult.ALREADY_OUT, proved=False)


async def take(ledger: Ledger, number: int, *, seats: int | None = 9, pool: str | None = POOL, login: str = "l") -> bool:
    """Begin the login of a session, if there is a seat for it."""
    return await ledger.begin_opening(opening(session(number, login, login), pool), seats=seats)


async def seated(ledger: Ledger, number: int, *, login: str = "l", is_shared: bool = False, pool: str = POOL) -> OpenSession:
    """Open a session that holds a seat."""
    assert await take(ledger, number, login=login, pool=pool)
    opened = replace(session(number, login, login), is_shared=is_shared)
    assert (await ledger.open_session(opened, None, drivers=())).is_open
    return opened


async def cleaned_up(ledger: Ledger, session: OpenSession) -> Debt:
    number = int(session.session_id.rpartition("-")[2], 16)
    return await record(ledger, number, session.login_id, login=session.login_id)


class Seating(LedgerSubject):
    async def test_what_was_never_counted_takes_a_seat_of_its_end_system(self, ledger: Ledger) -> None:
        await open_(ledger, uncounted := session(1))
        await seated(ledger, 2, pool="another")
        await record(ledger, 3)
        await take(ledger, 4, pool=None)
        await close(ledger, await record(ledger, 5))
        for _ in range(2):
            await ledger.seat_uncounted(lambda origin: f"{POOL} at {origin}")
            pool = f"{POOL} at {ORIGIN}"
            assert await ledger.held_seats(pool) == HeldSeats(sessions=1, openings=1, owed=1)
        assert await ledger.held_seats("another") == HeldSeats(sessions=1), "it is counted already"
        assert await ledger.holds_seat(pool, uncounted.session_id)
        await record(ledger, 1, login=uncounted.login_id)
        assert await ledger.held_seats(pool) == HeldSeats(openings=1, owed=2)

    async def test_no_more_logins_begin_than_there_are_seats(self, ledger: Ledger) -> None:
        taken = await asyncio.gather(*(take(ledger, number, seats=5) for number in range(20)))
        assert sum(taken) == 5
        assert await ledger.held_seats(POOL) == HeldSeats(openings=5)
        assert (await ledger.statistics()).openings == 5

    async def test_each_pool_has_its_own_seats_and_what_names_none_holds_none(self, ledger: Ledger) -> None:
        assert [await take(ledger, number, seats=1) for number in (1, 2)] == [True, False]
        assert await take(ledger, 3, seats=1, pool="another")
        assert [await take(ledger, number, seats=1, pool=None) for number in (4, 5)] == [True, True]
        assert await take(ledger, 6, seats=None), "the bound was taken out of the configuration"
        assert (await ledger.held_seats(POOL), await ledger.held_seats("none")) == (HeldSeats(openings=2), HeldSeats())

    async def test_a_repeated_beginning_takes_one_seat_and_is_not_refused(self, ledger: Ledger) -> None:
        assert [await take(ledger, 1, seats=1) for _ in range(2)] == [True, True]
        assert await ledger.held_seats(POOL) == HeldSeats(openings=1)

    async def test_a_login_holds_its_seat_from_its_opening_until_its_logout_is_done(self, ledger: Ledger) -> None:
        opened = await seated(ledger, 1)
        assert await ledger.held_seats(POOL) == HeldSeats(sessions=1)
        debt = await cleaned_up(ledger, opened)
        assert await ledger.held_seats(POOL) == HeldSeats(owed=1)
        assert not await take(ledger, 2, seats=1)
        for _ in range(2):
            await close(ledger, debt)
        assert await ledger.held_seats(POOL) == HeldSeats()
        assert await take(ledger, 2, seats=1)

    async def test_a_seat_is_given_back_by_a_login_that_made_nothing_and_held_by_one_that_may_have(self, ledger: Ledger) -> None:
        for number in (1, 2, 3, 4):
            await take(ledger, number)
        await ledger.opening_failed(opening(session(1)))
        await ledger.opening_unanswered(opening(session(2)))
        await ledger.end_login(session(3))
        assert await ledger.held_seats(POOL) == HeldSeats(openings=1, unknown=1, owed=1)
        for debt in await all_due(ledger):
            await close(ledger, debt)
        assert await ledger.held_seats(POOL) == HeldSeats(openings=1, unknown=1)

    async def test_a_person_gives_seats_back_by_letting_go_and_by_dismissing(self, ledger: Ledger) -> None:
        await take(ledger, 1, login="unknown")
        await ledger.opening_unanswered(opening(session(1, login="unknown")))
        debt = await cleaned_up(ledger, await seated(ledger, 2))
        waiting = await ledger.settle(debt, state=LogoutState.WAITING, outcome=UNPROVED)
        assert waiting is not None
        await ledger.let_go_opening("unknown")
        await ledger.dismiss(waiting.id, "ended by hand")
        assert await ledger.held_seats(POOL) == HeldSeats()

    async def test_an_overtaken_login_holds_its_seat_as_a_debt(self, ledger: Ledger) -> None:
        await take(ledger, 1)
        await record(ledger, 1, "another")
        assert not (await ledger.open_session(session(1, "l"), None, drivers=())).is_open
        assert await ledger.held_seats(POOL) == HeldSeats(owed=1)

    async def test_a_login_that_is_replaced_holds_its_seat_until_it_is_ended(self, ledger: Ledger) -> None:
        await seated(ledger, 1, login="first")
        await seated(ledger, 1, login="second")
        assert await ledger.held_seats(POOL) == HeldSeats(sessions=1, owed=1)
        (debt,) = await owed(ledger)
        await close(ledger, debt)
        assert await ledger.held_seats(POOL) == HeldSeats(sessions=1)

    async def test_a_credential_that_is_handed_out_again_is_one_login_and_holds_one_seat(self, ledger: Ledger) -> None:
        await cleaned_up(ledger, await seated(ledger, 1))
        for login in ("second", "third"):
            await take(ledger, 1, login=login)
            again = session(1, "l", login)
            assert (await ledger.open_session(again, Replaced(), drivers=())).is_open
            assert await ledger.held_seats(POOL) == HeldSeats(sessions=1)
        assert {debt.outcome for debt in await ledger.listing(states=[LogoutState.CLOSED])} >= {IN_USE_AGAIN}

    async def test_sessions_that_share_a_login_hold_one_seat_and_the_last_one_gives_it_back(self, ledger: Ledger) -> None:
        shared = [await seated(ledger, number, is_shared=True) for number in (1, 2, 3)]
        assert await ledger.held_seats(POOL) == HeldSeats(sessions=1)
        assert await take(ledger, 9, seats=2)
        for each in shared[:2]:
            await close(ledger, await cleaned_up(ledger, each))
            assert await ledger.held_seats(POOL) == HeldSeats(sessions=1, openings=1)
        await close(ledger, await cleaned_up(ledger, shared[2]))
        assert await ledger.held_seats(POOL) == HeldSeats(openings=1)

    async def test_an_unproved_end_holds_its_seat_until_the_login_has_ended_by_itself(self, ledger: Ledger) -> None:
        await ticks(ledger, 5)
        for number in (1, 2):
            debt = await cleaned_up(ledger, await seated(ledger, number))
            await ledger.settle(debt, state=LogoutState.CLOSED, outcome=UNPROVED, evicted=DRIVERS)
        await ledger.settle(debt, state=LogoutState.CLOSED, outcome=VERIFIED, evicted=DRIVERS)
        assert await ledger.held_seats(POOL) == HeldSeats(unproved=1), "a later answer has proved the second one"
        assert await ledger.let_go_unknown(5) == []
        assert await ledger.held_seats(POOL) == HeldSeats(unproved=1)
        assert await ledger.let_go_unknown(6) == []
        assert await ledger.held_seats(POOL) == HeldSeats()

    async def test_a_logout_that_needs_attention_holds_its_seat_as_long_and_an_owed_one_for_ever(self, ledger: Ledger) -> None:
        for number in (1, 2):
            debt = await cleaned_up(ledger, await seated(ledger, number))
        await ledger.settle(debt, state=LogoutState.WAITING, outcome=REFUSED)
        assert await ledger.held_seats(POOL) == HeldSeats(owed=1, waiting=1)
        await ledger.let_go_unknown(1)
        assert await ledger.held_seats(POOL) == HeldSeats(owed=1)
        await ledger.make_due(debt.id)
        assert await ledger.held_seats(POOL) == HeldSeats(owed=1), "its login has ended by itself"

    async def test_a_login_that_is_renewed_after_its_logout_holds_its_seat_again(self, ledger: Ledger) -> None:
        debt = await cleaned_up(ledger, await seated(ledger, 1))
        await close(ledger, debt)
        await ledger.renew(Renewal(session(1).session_id, "l", 0, request(1, "renewed").credential))
        assert await ledger.held_seats(POOL) == HeldSeats(owed=1)

    async def test_a_login_that_is_owed_anew_holds_one_seat(self, ledger: Ledger) -> None:
        debt = await cleaned_up(ledger, await seated(ledger, 1))
        await ledger.settle(debt, state=LogoutState.CLOSED, outcome=UNPROVED, evicted=DRIVERS)
        await seated(ledger, 1)
        await record(ledger, 1, "another")
        assert await ledger.held_seats(POOL) == HeldSeats(owed=1)

    async def test_seats_are_held_across_restarts_and_by_a_new_key(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            await seated(ledger, 1)
            await cleaned_up(ledger, await seated(ledger, 2))
            await take(ledger, 3)
        async with opened(make_ledger(ROTATED)) as ledger:
            assert await ledger.held_seats(POOL) == HeldSeats(sessions=1, unknown=1, owed=1)
            assert [await take(ledger, number, seats=4) for number in (4, 5)] == [True, False]

    async def test_what_is_recorded_late_keeps_the_seat_for_its_debt(self, ledger: Ledger) -> None:
        await ledger.end_login(await seated(ledger, 1))
        await seated(ledger, 2)
        await ledger.record_late(Missed(request(2, "l", login="l"), ORIGIN, (), ["l"]))
        assert await ledger.held_seats(POOL) == HeldSeats(owed=2)

    async def test_a_login_that_was_ended_before_its_end_was_recorded_gives_its_seat_back(self, ledger: Ledger) -> None:
        """The first record of it is late, and so is the one that opens its session; the retries may have tried it since."""
        owed, retried, late = [await seated(ledger, number) for number in (1, 2, 3)]
        assert await ledger.end_login(owed) is not None
        tried = await ledger.end_login(retried)
        assert tried is not None
        await ledger.settle(tried, state=LogoutState.CLOSED, outcome=UNPROVED)
        assert await ledger.held_seats(POOL) == HeldSeats(sessions=1, owed=1, unproved=1)
        for each in (owed, retried, late):
            assert await ledger.end_login(replace(each, credential=None)) is None
        assert await ledger.held_seats(POOL) == HeldSeats()
        assert await all_due(ledger) == []

    async def test_the_longest_unused_holders_are_told_first_and_none_that_shares_its_login(self, ledger: Ledger) -> None:
        for number in (1, 2, 3):
            await seated(ledger, number)
        for number in (4, 5):
            await seated(ledger, number, is_shared=True)
        await seated(ledger, 6, pool="another")
        await ticks(ledger, 2)
        await use(ledger, 2)
        await ledger.tick()
        await use(ledger, 1)
        numbers = {session(number).session_id: number for number in range(9)}
        for since, limit, expected in ((3, 9, [3, 2, 1]), (2, 9, [3, 2]), (3, 1, [3]), (-1, 9, [])):
            found = await ledger.idle_holders(POOL, unused_since=since, limit=limit)
            assert [numbers[each.session_id] for each in found] == expected
        assert found == []
        (longest,) = await ledger.idle_holders(POOL, unused_since=3, limit=1)
        assert longest.credential == session(3, "l").credential

    async def test_a_session_has_a_seat_while_it_is_open_and_until_its_logout_is_not_owed(self, ledger: Ledger) -> None:
        async def has_one(number: int, pool: str = POOL) -> bool:
            return await ledger.holds_seat(pool, session(number).session_id)

        await take(ledger, 1)
        assert not await has_one(1)
        await seated(ledger, 2)
        assert [await has_one(2), await has_one(2, "another"), await has_one(1)] == [True, False, False]
        debt = await cleaned_up(ledger, await seated(ledger, 3))
        assert await has_one(3)
        await close(ledger, debt)
        assert [await has_one(number) for number in (1, 2, 3)] == [False, True, False]

    async def test_pools_are_told_by_where_they_are_and_what_holds_their_seats(self, ledger: Ledger) -> None:
        assert await ledger.pools() == []
        await seated(ledger, 1)
        await take(ledger, 2)
        await take(ledger, 3, pool="another")
        await take(ledger, 4, pool=None)
        found = await ledger.pools()
        assert sorted((pool.origin, pool.held.total) for pool in found) == [(ORIGIN, 1), (ORIGIN, 2)]
        assert not any(POOL in str(pool) for pool in found)

    @pytest.mark.parametrize("state", [LogoutState.CLOSED, LogoutState.WAITING])
    async def test_a_duplicate_of_a_cleanup_takes_no_seat(self, ledger: Ledger, state: LogoutState) -> None:
        debt = await cleaned_up(ledger, await seated(ledger, 1))
        await ledger.settle(debt, state=state, outcome=VERIFIED if state is LogoutState.CLOSED else REFUSED, evicted=DRIVERS)
        before = await ledger.held_seats(POOL)
        again = await untried(ledger, request(1, "l", login="l"), origin=ORIGIN, drivers=DRIVERS)
        assert (await ledger.held_seats(POOL)).total == before.total
        assert await all_due(ledger, START + HOUR) == ([] if state is LogoutState.CLOSED else [again])


class SharedSeating(LedgerSubject):
    """What is promised of a store that has several owners at a time."""

    async def test_all_owners_together_begin_no_more_logins_than_there_are_seats(self, owners: Sequence[Ledger]) -> None:
        places = enumerate([*owners] * 20)
        taken = await asyncio.gather(*(take(owner, number, seats=5) for number, owner in places))
        assert sum(taken) == 5
        assert await owners[0].held_seats(POOL) == HeldSeats(openings=5)
