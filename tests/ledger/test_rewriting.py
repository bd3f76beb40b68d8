"""What replicas write again into a database that has forgotten their last commits, whatever others have done in it meanwhile."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from connector.ledger.keyring import Keyring
from connector.ledger.port import Ledger
from connector.ledger.postgres.standstill import Standstill
from connector.model.debts import LogoutState
from tests.ledger.ledgers import (
    SetClock,
    logins,
    one_login_ended,
    open_,
    opening,
    record,
    session,
)
from tests.ledger.rewound import Rewindable, clean_up_wholly, open_first, reopen, replica, states

Do = Callable[[Ledger], Awaitable[object]]
OWED, CLOSED = LogoutState.OWED, LogoutState.CLOSED


async def reopen_otherwise(ledger: Ledger) -> None:
    await open_(ledger, session(1, "t3", "l3"))


async def clean_up(ledger: Ledger) -> None:
    await record(ledger, 1, "t1", login="l1")


async def clean_up_by_credential(ledger: Ledger) -> None:
    await record(ledger, 1, "t1")


async def nothing(_: Ledger) -> None:
    """Do nothing meanwhile."""


async def test_a_session_whose_opening_was_lost_is_open_again(database: Rewindable) -> None:
    async with replica(database) as ledger:
        database.keep()
        await open_first(ledger)
        database.rewind()
        assert await logins(ledger) == {session(1).session_id: "l1"}
        async with replica(database) as later:
            assert (ledger.lost_track, later.lost_track) == (True, True)


async def test_a_lost_session_is_written_again_with_the_key_of_its_seal(database: Rewindable) -> None:
    keyring = Keyring({key_id: key_id.encode() * 11 for key_id in ("one", "two")})
    async with replica(database, keys=keyring) as ledger:
        database.keep()
        await open_(ledger, replace(session(1), key_id="one"))
        await ledger.between_transactions(lambda: keyring.promote("two"))
        database.rewind()
        assert (await ledger.rows_by_key())["one"]["sessions"] == 1
        await ledger.between_transactions(lambda: keyring.retire(["one"]))
        keyring.forget_retired()
        database.rewind()
        assert (await ledger.rows_by_key())["two"]["sessions"] == 1


@pytest.mark.parametrize(
    ("acts", "open_by", "debts"),
    [
        ((nothing, open_first, nothing), "l1", {}),
        ((nothing, open_first, clean_up), None, {"l1": OWED}),
        ((nothing, open_first, clean_up_wholly), None, {"l1": CLOSED}),
        ((nothing, open_first, clean_up_by_credential), None, {}),
        ((nothing, open_first, reopen), "l2", {"l1": OWED}),
        ((open_first, clean_up, nothing), None, {"l1": OWED}),
        ((open_first, clean_up, clean_up_wholly), None, {"l1": CLOSED}),
        ((open_first, clean_up, reopen), "l2", {"l1": OWED}),
        ((open_first, clean_up_wholly, nothing), None, {"l1": CLOSED}),
        ((open_first, clean_up_wholly, clean_up), None, {"l1": CLOSED}),
        ((open_first, clean_up_wholly, reopen), "l2", {"l1": CLOSED}),
        ((open_first, reopen, nothing), "l2", {"l1": OWED}),
        ((open_first, reopen, clean_up), "l2", {"l1": OWED}),
        ((open_first, reopen, clean_up_wholly), "l2", {"l1": CLOSED}),
        ((open_first, reopen, reopen_otherwise), "l3", {"l1": OWED, "l2": OWED}),
    ],
)
async def test_what_was_lost_and_what_another_replica_did_meanwhile_come_together(
    database: Rewindable, acts: tuple[Do, Do, Do], open_by: str | None, debts: dict[str, LogoutState]
) -> None:
    before, lost, meanwhile = acts
    async with replica(database) as loser, replica(database) as other:
        await before(loser)
        await other.statistics()
        database.keep()
        await lost(loser)
        database.rewind()
        await meanwhile(other)
        await loser.statistics()
        found = (await logins(other)).get(session(1).session_id), await states(other)

    assert found == (open_by, debts)


@pytest.mark.parametrize("first", ["opener", "ender"])
async def test_an_end_by_one_replica_and_an_opening_by_another_come_back_in_any_order(database: Rewindable, first: str) -> None:
    async with replica(database) as opener, replica(database) as ender, replica(database) as third:
        database.keep()
        await open_first(opener)
        await clean_up_wholly(ender)
        database.rewind()
        for each in (opener, ender) if first == "opener" else (ender, opener):
            await each.statistics()
        found = await logins(third), await states(third)

    assert found == ({}, {"l1": CLOSED})


@pytest.mark.parametrize("first", ["replaced", "replacing"])
async def test_of_two_logins_that_came_one_after_the_other_the_later_is_open_in_any_order(
    database: Rewindable, first: str
) -> None:
    async with replica(database) as one, replica(database) as other:
        database.keep()
        await open_first(one)
        await reopen(other)
        database.rewind()
        for each in (one, other) if first == "replaced" else (other, one):
            await each.statistics()
        found = await logins(one), await states(one)

    assert found == ({session(1).session_id: "l2"}, {"l1": OWED})


@pytest.mark.parametrize("is_kept", [False, True])
async def test_of_two_logins_of_one_replica_the_later_is_open(database: Rewindable, is_kept: bool) -> None:
    """Another replica has opened the session in between, and has died with all that it knew."""
    async with replica(database) as one:
        if is_kept:
            await open_first(one)
        database.keep()
        async with replica(database) as other:
            if not is_kept:
                await open_first(one)
            await reopen(other)
        await reopen_otherwise(one)
        database.rewind()
        found = await logins(one), await states(one)

    assert found == ({session(1).session_id: "l3"}, {"l1": OWED, "l2": OWED})


@pytest.mark.parametrize("first", ["earlier", "between"])
async def test_of_three_logins_by_two_replicas_the_last_is_open_in_any_order(database: Rewindable, first: str) -> None:
    """The database knows the first one, also after it has forgotten the others."""
    async with replica(database) as one, replica(database) as other:
        await open_first(one)
        database.keep()
        await reopen(other)
        await reopen_otherwise(one)
        database.rewind()
        for each in (one, other) if first == "earlier" else (other, one):
            await each.statistics()
        found = await logins(one), await states(one)

    assert found == ({session(1).session_id: "l3"}, {"l1": OWED, "l2": OWED})


@pytest.mark.parametrize("ended", [False, True])
async def test_a_login_without_credential_that_was_replaced_is_dead_for_good(database: Rewindable, ended: bool) -> None:
    static = session(1, None, "l1")
    async with replica(database) as one, replica(database) as other:
        database.keep()
        await open_(one, static)
        await reopen(other)
        database.rewind()
        await other.statistics()
        if ended:
            await one_login_ended(other, 1, "t2", "l2")
        found = (await logins(one)).get(static.session_id)

    assert found == (None if ended else "l2")


async def test_a_login_under_way_whose_record_was_lost_becomes_a_session(database: Rewindable) -> None:
    async with replica(database) as ledger:
        database.keep()
        await ledger.begin_opening(opening(session(1)))
        database.rewind()
        assert (await ledger.statistics()).openings == 1
        assert (await ledger.open_session(session(1), None, drivers=())).is_open


@pytest.mark.parametrize("first", ["opener", "ender"])
async def test_a_cleanup_that_was_lost_ends_the_login_that_was_under_way_in_any_order(database: Rewindable, first: str) -> None:
    async with replica(database) as opener, replica(database) as ender:
        database.keep()
        await opener.begin_opening(opening(session(1)))
        await record(ender, 1, "", login="")
        database.rewind()
        for each in (opener, ender) if first == "opener" else (ender, opener):
            await each.statistics()
        recorded = await opener.open_session(session(1), None, drivers=())
        found = await logins(opener), await states(opener)

    assert (recorded.is_open, found) == (False, ({}, {"l": OWED}))


async def test_a_session_that_opened_before_its_lost_cleanup_came_back_is_owed(database: Rewindable) -> None:
    async with replica(database) as opener, replica(database) as ender:
        database.keep()
        await opener.begin_opening(opening(session(1)))
        await record(ender, 1, "", login="")
        database.rewind()
        assert (await opener.open_session(session(1), None, drivers=())).is_open
        await ender.statistics()
        found = await logins(opener), await states(opener)

    assert found == ({}, {"l": OWED})


async def test_a_login_under_way_of_a_replica_whose_row_was_lost_is_nobodys(database: Rewindable) -> None:
    async with replica(database) as other:
        database.keep()
        async with replica(database) as ledger:
            await ledger.begin_opening(opening(session(1)))
            await other.statistics()
            database.rewind()
            await other.statistics()
            unknown = (await ledger.statistics()).unknown
            recorded = await ledger.open_session(session(1), None, drivers=())
            found = await states(other)

    assert (unknown, recorded.is_open, found) == (1, False, {"l": OWED})


@pytest.mark.parametrize("has_lost_something", [False, True])
async def test_a_login_that_has_failed_does_not_come_back_by_whom_had_overtaken_it(
    database: Rewindable, has_lost_something: bool
) -> None:
    """The one whose login it was has not lost its end."""
    async with replica(database) as opener, replica(database) as ender:
        await opener.begin_opening(opening(session(1)))
        await record(ender, 1, "", login="")
        await opener.opening_failed(opening(session(1)))
        database.keep()
        if has_lost_something:
            await opener.statistics()
        for _ in range(2):  # the second time, the database is before all that the ender did in its epoch
            await ender.statistics()
            database.rewind()
        await ender.statistics()
        await opener.statistics()
        totals = await ender.statistics()

    assert (totals.openings, totals.unknown) == (0, 0)


async def test_a_login_that_has_failed_does_not_come_back_by_who_was_taken_for_gone(database: Rewindable) -> None:
    """Whoever had overtaken it has no row any more, and so does not know what the database knows."""
    clock = SetClock()
    watching = Standstill(60.0, counted=math.inf, clock=clock)
    async with replica(database) as opener, replica(database) as ender, replica(database, watching) as other:
        await opener.begin_opening(opening(session(1)))
        await record(ender, 1, "", login="")
        await opener.opening_failed(opening(session(1)))
        await other.statistics()
        await opener.statistics()
        clock.now += 61
        await other.statistics()
        database.keep()
        await other.statistics()
        database.rewind()
        for replica_ in (other, ender, opener):
            await replica_.statistics()
        totals = await other.statistics()

    assert (totals.openings, totals.unknown) == (0, 0)


async def test_a_login_that_has_failed_does_not_come_back_after_its_replica_has_ended(database: Rewindable) -> None:
    """Whoever had overtaken it loses its epoch, and nothing that it did before that: the former primary knows it."""
    async with replica(database) as ender:
        async with replica(database) as opener:
            await opener.begin_opening(opening(session(1)))
            await record(ender, 1, "", login="")
            await opener.opening_failed(opening(session(1)))
        database.keep()
        for _ in range(2):
            await ender.statistics()
            database.rewind()
        totals = await ender.statistics()

    assert (totals.openings, totals.unknown) == (0, 0)


async def test_a_cleanup_that_is_written_again_brings_no_login_back_that_has_failed(database: Rewindable) -> None:
    async with replica(database) as opener, replica(database) as ender:
        database.keep()
        await opener.begin_opening(opening(session(1)))
        await record(ender, 1, "", login="")
        await opener.opening_failed(opening(session(1)))
        database.rewind()
        await opener.statistics()
        await ender.statistics()
        totals = await ender.statistics()

    assert (totals.openings, totals.unknown) == (0, 0)


async def test_a_login_that_was_given_up_does_not_come_back(database: Rewindable) -> None:
    async with replica(database) as ledger:
        await ledger.begin_opening(opening(session(1)))
        database.keep()
        await ledger.opening_failed(opening(session(1)))
        database.rewind()
        assert (await ledger.statistics()).openings == 0


async def test_a_login_that_a_person_has_let_go_does_not_come_back(database: Rewindable) -> None:
    async with replica(database) as opener, replica(database) as other:
        await opener.begin_opening(opening(session(1)))
        await opener.opening_unanswered(opening(session(1)))
        database.keep()
        await other.let_go_opening("l")
        database.rewind()
        totals = await other.statistics()

    assert (totals.openings, totals.unknown) == (0, 0)
