"""What is owed, recorded and settled: duplicates, races, retries, and what a human does."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from connector.ledger.port import Ledger
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.debts import Debt, LogoutState, Totals
from connector.model.errors import LedgerUnavailable, NoSuchDebt
from connector.model.outcomes import NOTHING_TO_END, WITHOUT_ASKING, LogoutOutcome, LogoutResult
from drivers import SessionScope, SystemScope
from tests.ledger.ledgers import (
    DRIVERS,
    GRACE,
    ORIGIN,
    PENDING,
    REFUSED,
    START,
    VERIFIED,
    SetClock,
    all_due,
    close,
    opened,
    record,
    request,
)

HOUR = 3600.0


async def test_a_record_says_what_is_owed_and_is_there_after_the_next_start(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        owed = await ledger.record(request(1, everything=True), origin=ORIGIN, drivers=["memory", "sqlite"])
    scopes = (SessionScope(request(1).session_id, "A"), SystemScope("A"))
    assert owed.evictions == {"memory": scopes, "sqlite": scopes}
    assert (owed.state, owed.attempts, owed.revision, owed.due_at) == (LogoutState.OWED, 0, 1, START + GRACE)
    async with opened(tmp_path) as ledger:
        (found,) = await all_due(ledger)
        assert replace(found, due_at=owed.due_at) == owed
    assert owed.credential == request(1).credential


async def test_what_an_end_system_said_is_kept_whatever_characters_it_used(ledger: Ledger) -> None:
    odd = LogoutOutcome(LogoutResult.PENDING, "\x00\ud800", 'broken "text"\n\N{SNOWMAN}', 3.5)
    settled = await ledger.settle(await record(ledger, 1), state=LogoutState.OWED, outcome=odd)
    assert settled is not None
    assert (await ledger.debt(settled.id)).outcome == replace(odd, code="\x00?")


async def test_a_login_has_one_row_and_its_cleanups_add_up(ledger: Ledger) -> None:
    first = await ledger.record(request(1, system=None), origin=ORIGIN, drivers=["memory"])
    second = await ledger.record(request(1, everything=True), origin=ORIGIN, drivers=["sqlite"])
    session = request(1).session_id
    assert (second.id, second.revision, second.system_id) == (first.id, 2, "A")
    assert second.evictions == {
        "memory": (SessionScope(session, None),),
        "sqlite": (SessionScope(session, "A"), SystemScope("A")),
    }


async def test_another_credential_or_session_is_another_login(ledger: Ledger) -> None:
    debts = [await record(ledger, 1, "t"), await record(ledger, 1, "u"), await record(ledger, 2, "t")]
    assert len({debt.id for debt in debts}) == 3


async def test_a_thousand_duplicates_at_once_are_one_row(ledger: Ledger) -> None:
    debts = await asyncio.gather(*(record(ledger, 1) for _ in range(1000)))
    assert sorted(debt.revision for debt in debts) == [*range(1, 1001)]
    assert len(await ledger.listing()) == 1


async def test_concurrent_cleanups_are_told_apart_as_new_known_or_the_same(
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


async def foregone(ledger: Ledger, number: int, *, login: str = "") -> Debt:
    nothing = replace(request(number, login=login), foregone=NOTHING_TO_END)
    return await ledger.record(nothing, origin="", drivers=DRIVERS)


async def test_of_a_cleanup_that_had_nothing_to_end_nothing_is_kept_once_all_is_evicted(ledger: Ledger) -> None:
    debts = await asyncio.gather(*(foregone(ledger, number) for number in range(20)))
    assert [debt.state for debt in debts] == [LogoutState.CLOSED] * 20
    half = await ledger.settle(debts[0], state=LogoutState.CLOSED, evicted=["memory"])
    assert half is not None
    assert [*half.evictions] == ["sqlite"]
    whole = [ledger.settle(debt, state=LogoutState.CLOSED, evicted=DRIVERS) for debt in debts[1:]]
    assert await asyncio.gather(*whole) == [None] * 19
    assert await ledger.listing(states=[*LogoutState]) == [replace(half, credential=None)]


async def test_a_start_lets_go_of_what_the_last_process_had_in_hand_and_keeps_waits(tmp_path: Path) -> None:
    clock = SetClock()
    async with opened(tmp_path, clock=clock) as ledger:
        waits, again = await record(ledger, 1), await record(ledger, 2)
        for debt in (waits, again):
            await ledger.settle(debt, state=LogoutState.OWED, outcome=PENDING, due_at=START + 100)
        in_hand = [await record(ledger, 2), *(await asyncio.gather(*(record(ledger, number) for number in range(3, 303))))]
        assert await due(ledger, START + 1) == []
    clock.now = START - 1_000  # whatever the clock says by now
    async with opened(tmp_path, clock=clock) as ledger:
        taken_up = [await record(ledger, 2), await record(ledger, 1_000)]
        await ledger.let_go()
        assert await due(ledger, clock.now) == [debt.id for debt in in_hand[1:]]
        assert await due(ledger, START + 100) == sorted(debt.id for debt in [waits, *in_hand, taken_up[1]])


async def due(ledger: Ledger, now: float) -> list[int]:
    return sorted(debt.id for debt in await all_due(ledger, now))


@pytest.mark.parametrize("without_asking", sorted(WITHOUT_ASKING, key=str), ids=str)
async def test_a_login_that_is_owed_is_closed_by_no_cleanup_that_asks_nobody(
    ledger: Ledger, without_asking: LogoutOutcome
) -> None:
    owed = await record(ledger, 1)
    again = await ledger.record(replace(request(1), foregone=without_asking), origin="", drivers=DRIVERS)
    assert (again.id, again.state, again.origin, again.credential) == (owed.id, LogoutState.OWED, ORIGIN, owed.credential)


async def test_a_cleanup_leaves_a_debt_to_the_end_system_that_it_was_made_for(ledger: Ledger) -> None:
    await record(ledger, 1)
    again = await record(ledger, 1, origin="https://new.example.com")
    assert (again.origin, again.revision) == (ORIGIN, 2)


async def test_what_two_cleanups_have_asked_for_is_kept_when_the_first_of_them_is_done(ledger: Ledger) -> None:
    first, second = await foregone(ledger, 1), await foregone(ledger, 1)
    settled = await ledger.settle(first, state=LogoutState.CLOSED, evicted=DRIVERS)
    assert settled is not None
    assert {*settled.evictions} == {*DRIVERS}
    after = await ledger.settle(second, state=LogoutState.CLOSED, evicted=DRIVERS)
    assert after is not None
    assert after.owes_nothing


async def test_a_session_closed_by_its_seal_is_remembered_even_if_it_had_no_login(ledger: Ledger) -> None:
    debt = await foregone(ledger, 1, login="by-seal")
    settled = await ledger.settle(debt, state=LogoutState.CLOSED, evicted=DRIVERS)
    assert settled is not None
    assert settled.owes_nothing


async def test_a_login_that_owes_nothing_is_closed_and_its_credential_is_gone(ledger: Ledger, clock: SetClock) -> None:
    debt = await record(ledger, 1)
    clock.now += 5
    closed = await close(ledger, debt)
    assert closed is not None
    assert (closed.state, closed.outcome, closed.attempts, closed.evictions) == (LogoutState.CLOSED, VERIFIED, 1, {})
    assert (closed.closed_at, closed.credential) == (START + 5, None)
    assert await all_due(ledger, START + HOUR) == []


async def test_a_closed_logout_whose_eviction_failed_stays_open_without_its_credential(ledger: Ledger) -> None:
    settled = await ledger.settle(await record(ledger, 1), state=LogoutState.CLOSED, outcome=VERIFIED, evicted=["memory"])
    assert settled is not None
    assert (settled.closed_at, settled.credential, [*settled.evictions]) == (None, None, ["sqlite"])
    assert [debt.id for debt in await ledger.owed_evictions("sqlite")] == [settled.id]
    assert await ledger.owed_evictions("memory") == []
    assert await all_due(ledger) == []
    done = await ledger.settle(settled, state=LogoutState.CLOSED, evicted=["sqlite"])
    assert done is not None
    assert (done.closed_at, done.attempts) == (START, 1)


async def test_a_duplicate_of_a_closed_logout_owes_its_eviction_only(ledger: Ledger) -> None:
    await close(ledger, await record(ledger, 1))
    duplicate = await record(ledger, 1)
    assert (duplicate.state, duplicate.outcome, duplicate.closed_at) == (LogoutState.CLOSED, VERIFIED, None)
    assert {*duplicate.evictions} == {*DRIVERS}
    assert await all_due(ledger, START + HOUR) == []
    done = await ledger.settle(duplicate, state=LogoutState.CLOSED, evicted=DRIVERS)
    assert done is not None
    assert (done.closed_at, done.attempts) == (START, 1)


async def test_a_duplicate_that_comes_later_clears_its_eviction_itself(ledger: Ledger) -> None:
    first, second = await record(ledger, 1), await record(ledger, 1)
    after_first = await close(ledger, first)
    assert after_first is not None
    assert (after_first.state, {*after_first.evictions}) == (LogoutState.CLOSED, {*DRIVERS})
    after_second = await close(ledger, second)
    assert after_second is not None
    assert after_second.evictions == {}


async def test_an_overtaken_try_neither_puts_off_nor_gives_up_nor_reopens(ledger: Ledger) -> None:
    first, second = await record(ledger, 1), await record(ledger, 1)
    for state in (LogoutState.OWED, LogoutState.WAITING):
        late = await ledger.settle(first, state=state, outcome=PENDING, due_at=START + 999, waited=999)
        assert late is not None
        assert (late.state, late.due_at, late.waited) == (LogoutState.OWED, START + GRACE, 0)
    await close(ledger, second)
    late = await ledger.settle(first, state=LogoutState.OWED, outcome=PENDING)
    assert late is not None
    assert (late.state, late.outcome, late.attempts) == (LogoutState.CLOSED, VERIFIED, 4)


async def test_a_pending_logout_is_due_again_when_it_was_put_off_to(ledger: Ledger) -> None:
    debt = await record(ledger, 1)
    settled = await ledger.settle(debt, state=LogoutState.OWED, outcome=PENDING, due_at=START + 100, waited=12.5, evicted=DRIVERS)
    assert settled is not None
    assert await all_due(ledger, START + 99) == []
    assert await all_due(ledger, START + 100) == [settled]
    assert (settled.outcome, settled.attempts, settled.waited, settled.credential) == (PENDING, 1, 12.5, debt.credential)


async def test_a_refused_logout_waits_for_a_human_until_opshub_asks_again(ledger: Ledger) -> None:
    waiting = await ledger.settle(await record(ledger, 1), state=LogoutState.WAITING, outcome=REFUSED, waited=77, evicted=DRIVERS)
    assert waiting is not None
    assert await all_due(ledger, START + HOUR) == []
    assert [debt.id for debt in await ledger.listing(states=[LogoutState.WAITING])] == [waiting.id]
    again = await record(ledger, 1)
    assert (again.state, again.waited, again.outcome) == (LogoutState.OWED, 0, None)


async def test_a_human_has_a_logout_retried_at_once(ledger: Ledger) -> None:
    waiting = await ledger.settle(await record(ledger, 1), state=LogoutState.WAITING, outcome=REFUSED)
    assert waiting is not None
    retried = await ledger.make_due(waiting.id)
    assert [debt.id for debt in await all_due(ledger, START)] == [retried.id]
    assert retried.credential == request(1).credential


async def test_a_human_dismisses_a_logout_and_its_evictions_stay_owed(ledger: Ledger) -> None:
    debt = await record(ledger, 1)
    await ledger.dismiss(debt.id, "the site is gone\udc80")
    dismissed = await ledger.debt(debt.id)
    assert (dismissed.state, dismissed.dismissed, dismissed.closed_at) == (LogoutState.CLOSED, "the site is gone?", None)
    assert len(await ledger.owed_evictions("memory")) == 1
    late = await ledger.settle(debt, state=LogoutState.OWED, outcome=PENDING, evicted=DRIVERS)
    assert late is not None
    assert (late.state, late.closed_at) == (LogoutState.CLOSED, START)


@pytest.mark.parametrize("closed", [True, False])
async def test_what_is_closed_or_unknown_cannot_be_steered(ledger: Ledger, closed: bool) -> None:
    debt = await record(ledger, 1)
    await close(ledger, debt)
    id_ = debt.id if closed else 999
    with pytest.raises(NoSuchDebt):
        await ledger.make_due(id_)
    with pytest.raises(NoSuchDebt):
        await ledger.dismiss(id_, "why")


async def test_an_unknown_row_cannot_be_shown_nor_settled(ledger: SqliteLedger, clock: SetClock) -> None:
    debt = await record(ledger, 1)
    await close(ledger, debt)
    clock.now += 86_401
    await ledger.tidy()
    with pytest.raises(NoSuchDebt):
        await ledger.debt(debt.id)
    assert await ledger.settle(debt, state=LogoutState.OWED) is None


async def test_closed_rows_are_remembered_for_a_day_and_their_ids_never_used_again(ledger: SqliteLedger, clock: SetClock) -> None:
    debts = await asyncio.gather(*(record(ledger, number) for number in range(450)))
    await asyncio.gather(*(close(ledger, debt) for debt in debts))
    clock.now += 86_399
    await ledger.tidy()
    assert (await ledger.statistics()).closed == 450
    clock.now += 2
    await ledger.tidy()
    assert (await ledger.statistics()).closed == 0
    assert (await record(ledger, 1)).id == 451


async def test_rows_closed_by_a_clock_that_was_far_ahead_are_forgotten_too(ledger: SqliteLedger, clock: SetClock) -> None:
    clock.now += 10 * 365 * 86_400
    await close(ledger, await record(ledger, 1))
    clock.now = START
    await ledger.tidy()
    assert (await ledger.statistics()).closed == 0


async def test_origins_take_turns_so_that_a_big_one_hides_no_other(ledger: Ledger) -> None:
    for number in range(50):
        await record(ledger, number, origin="big" if number < 40 else f"small {number}")
    taken = [await ledger.claim_due(START + GRACE, per_origin=1, limit=3) for _ in range(4)]
    assert {debt.origin for debts in taken for debt in debts} == {"big", *(f"small {number}" for number in range(40, 50))}


async def test_no_origin_has_more_than_its_room(ledger: Ledger) -> None:
    for number in range(50):
        await record(ledger, number, origin="big" if number < 40 else "small")
    found = await ledger.claim_due(START + GRACE, per_origin=4, limit=1000)
    assert sorted(debt.origin for debt in found) == ["big"] * 4 + ["small"] * 4
    for debt in found[6:]:
        await ledger.release(debt)
    assert len(await ledger.claim_due(START + GRACE, per_origin=4, limit=1000)) == 2


async def test_what_is_claimed_is_not_claimed_again_before_it_is_released(ledger: Ledger) -> None:
    debts = [await record(ledger, number) for number in range(5)]
    claimed = await ledger.claim_due(START + GRACE, per_origin=4, limit=3)
    assert [debt.id for debt in claimed] == [debt.id for debt in debts[:3]]
    assert await ledger.next_due(START, per_origin=4) == START + GRACE
    assert await ledger.next_due(START, per_origin=3) is None
    assert [debt.id for debt in await ledger.claim_due(START + GRACE, per_origin=4, limit=10)] == [debts[3].id]
    for _ in range(2):
        await ledger.release(claimed[1])
    assert [debt.id for debt in await ledger.claim_due(START + GRACE, per_origin=4, limit=10)] == [debts[1].id]


async def test_two_who_claim_at_once_are_not_given_the_same(ledger: Ledger) -> None:
    for number in range(20):
        await record(ledger, number)
    claims = await asyncio.gather(*(ledger.claim_due(START + GRACE, per_origin=100, limit=5) for _ in range(5)))
    assert sorted(debt.id for debts in claims for debt in debts) == [*range(1, 21)]


@pytest.mark.parametrize("turns", range(8))
async def test_a_claim_of_a_call_that_was_cancelled_does_not_last(ledger: Ledger, turns: int) -> None:
    debt = await record(ledger, 1)
    claiming = asyncio.ensure_future(ledger.claim_due(START + GRACE, per_origin=1, limit=1))
    for _ in range(turns):
        await asyncio.sleep(0)
    claiming.cancel()
    if not (await asyncio.wait([claiming]))[0].pop().cancelled():
        await ledger.release(debt)
    assert await ledger.claim_due(START + GRACE, per_origin=1, limit=1) == [debt]


async def test_the_longest_due_goes_first_and_an_empty_origin_is_one_like_any_other(ledger: Ledger, clock: SetClock) -> None:
    late = await record(ledger, 1, origin="")
    clock.now -= 10
    early = await record(ledger, 2, origin="")
    assert [debt.id for debt in await ledger.claim_due(START + HOUR, per_origin=1, limit=1)] == [early.id]
    await ledger.release(early)
    assert {debt.id for debt in await all_due(ledger)} == {late.id, early.id}
    assert await ledger.next_due(START) == START - 10 + GRACE


async def test_nothing_owed_means_nothing_due(ledger: Ledger) -> None:
    await close(ledger, await record(ledger, 1))
    assert await ledger.next_due(START) is None


async def test_a_clock_that_was_years_ahead_parks_nothing(ledger: Ledger, clock: SetClock) -> None:
    clock.now += 5 * 365 * 86_400
    debt = await record(ledger, 1)
    clock.now = START
    assert await ledger.next_due(START) == START
    assert [due.id for due in await all_due(ledger, START)] == [debt.id]


async def test_nothing_is_put_off_for_more_than_an_hour(ledger: Ledger) -> None:
    settled = await ledger.settle(await record(ledger, 1), state=LogoutState.OWED, due_at=START + 1e9)
    assert settled is not None
    assert settled.due_at == START + HOUR


async def test_a_system_named_like_a_driver_is_no_debt_to_the_driver(ledger: Ledger) -> None:
    await ledger.record(request(1, system="redis", everything=True), origin=ORIGIN, drivers=["memory"])
    await ledger.record(request(2, system='"redis":', everything=True), origin=ORIGIN, drivers=["memory"])
    assert await ledger.owed_evictions("redis") == []


async def test_owed_evictions_are_told_in_slices(ledger: Ledger) -> None:
    ids = [(await record(ledger, number)).id for number in range(25)]
    slices: list[list[Debt]] = []
    while found := await ledger.owed_evictions("sqlite", after=slices[-1][-1].id if slices else 0, limit=10):
        slices.append(found)
    assert [len(each) for each in slices] == [10, 10, 5]
    assert [debt.id for each in slices for debt in each] == ids


async def test_a_listing_holds_no_credential_and_comes_in_slices(ledger: Ledger) -> None:
    debts = [await record(ledger, number) for number in range(5)]
    first = await ledger.listing(limit=3)
    assert [debt.id for debt in first + await ledger.listing(after=first[-1].id)] == [debt.id for debt in debts]
    assert {debt.credential for debt in first} == {None}


async def test_the_totals_count_each_state(ledger: Ledger, clock: SetClock) -> None:
    debts = [await record(ledger, number) for number in range(4)]
    clock.now += 10
    await record(ledger, 9)
    await close(ledger, debts[0])
    await ledger.settle(debts[1], state=LogoutState.WAITING, outcome=REFUSED, evicted=DRIVERS)
    expected = Totals(owed=3, waiting=1, closed=1, evictions=3, quarantined=0, unreadable=0, oldest=START)
    assert await ledger.statistics() == expected


async def test_after_the_end_every_call_says_that_it_is_closed(ledger: SqliteLedger) -> None:
    await ledger.aclose()
    await ledger.aclose()
    with pytest.raises(LedgerUnavailable, match="closed"):
        await record(ledger, 1)
