"""Who is waited for after a fail-over, and which history counts."""

import math

import pytest

from connector.ledger.postgres.standstill import Standstill
from connector.model.debts import LogoutState
from connector.model.errors import LedgerUnavailable
from tests.ledger.ledgers import DRIVERS, SetClock, logins, one_login_ended, open_, record, session
from tests.ledger.rewound import Rewindable, clean_up_wholly, open_first, replica, states

SID = session(1).session_id


async def test_a_replica_whose_row_was_lost_with_its_login_is_waited_for(database: Rewindable) -> None:
    async with replica(database) as other:
        database.keep()
        async with replica(database) as late:
            await open_first(late)
            await other.statistics()
            database.rewind()
            for _ in range(2):
                with pytest.raises(LedgerUnavailable, match="failed over"):
                    await record(other, 1, "", login="l0")
            async with replica(database) as newcomer:
                with pytest.raises(LedgerUnavailable, match="failed over"):
                    await record(newcomer, 1, "", login="l0")
            await late.statistics()
            found = await logins(other)

    assert found == {session(1).session_id: "l1"}


async def test_a_replica_that_is_taken_for_gone_before_it_has_written_is_waited_for(database: Rewindable) -> None:
    clock = SetClock()
    async with replica(database) as late, replica(database, Standstill(60.0, counted=math.inf, clock=clock)) as other:
        database.keep()
        await open_first(late)
        await other.statistics()
        database.rewind()
        await other.statistics()
        clock.now += 61
        with pytest.raises(LedgerUnavailable, match="failed over"):
            await record(other, 1, "", login="l0")
        await late.statistics()
        assert await logins(other) == {SID: "l1"}


async def test_a_former_primary_that_comes_back_is_not_believed_by_whom_it_does_not_know(database: Rewindable) -> None:
    """The first to see it again has started since. What another one has ended meanwhile is open there."""
    async with replica(database) as one:
        await open_first(one)
        database.keep()
        await one.statistics()
        database.rewind()  # a fail-over
        await one.statistics()
        async with replica(database) as newcomer:
            await clean_up_wholly(one)
            database.rewind()  # the former primary comes back
            with pytest.raises(LedgerUnavailable, match="failed over"):
                await newcomer.open_by(SID, "l1")
            await one.statistics()
            assert await newcomer.open_by(SID, "l1") is None
            assert await states(one) == {"l1": LogoutState.CLOSED}


async def test_a_newcomer_does_not_know_who_was_there_after_the_next_fail_over_either(database: Rewindable) -> None:
    async with replica(database) as other:
        database.keep()
        async with replica(database) as late:
            await open_first(late)
            await other.statistics()
            database.rewind()
            await other.statistics()
            async with replica(database) as newcomer:
                database.keep()
                await newcomer.statistics()
                database.rewind()
                for _ in range(3):
                    await other.statistics()
                    with pytest.raises(LedgerUnavailable, match="failed over"):
                        await record(newcomer, 1, "", login="l0")


async def test_until_all_have_written_any_initialize_owes_an_eviction(
    database: Rewindable,
) -> None:
    async with replica(database) as opener, replica(database) as other:
        assert await open_(other, session(2)) is None
        database.keep()
        await open_first(opener)
        await other.statistics()
        database.rewind()
        owed = await open_(other, session(1, "t2", "l2"))
        assert owed is not None
        assert {*owed.evictions} == {*DRIVERS}
        await opener.statistics()
        assert await logins(other) == {SID: "l2", session(2).session_id: session(2).login_id}


async def test_what_is_lost_while_track_is_regained_is_lost(database: Rewindable) -> None:
    async with replica(database) as ledger:
        database.keep()
        await open_first(ledger)
        database.rewind()
        lost = await ledger.losses()
        database.keep()
        await open_(ledger, session(2))
        database.rewind()
        await ledger.track_regained(lost)
        async with replica(database) as later:
            assert (ledger.lost_track, later.lost_track) == (True, True)
        await ledger.track_regained(await ledger.losses())
        assert not ledger.lost_track


@pytest.mark.parametrize("is_ended", [False, True])
async def test_a_login_that_is_not_there_yet_is_not_over_unless_it_was_ended(database: Rewindable, is_ended: bool) -> None:
    """A replica remembers it, and would end what it does in the background."""
    async with replica(database) as opener, replica(database) as other:
        database.keep()
        await open_first(opener)
        await other.statistics()
        database.rewind()
        if is_ended:
            await one_login_ended(other, 1, "t1", "l1")
            assert await other.changed_logins({(SID, "l1"): 0}) == {(SID, "l1"): None}
        else:
            with pytest.raises(LedgerUnavailable, match="failed over"):
                await other.changed_logins({(SID, "l1"): 0})
            await opener.statistics()
            assert await other.changed_logins({(SID, "l1"): 0}) == {}


async def test_which_store_decided_what_is_served_is_forgotten_with_what_is_lost(database: Rewindable) -> None:
    """The former one has missed evictions since, whichever the database names."""
    async with replica(database) as ledger:
        await ledger.serve_from("one")
        database.keep()
        await ledger.serve_from("two")
        await ledger.track_regained(await ledger.losses())
        database.rewind()
        await ledger.track_regained(await ledger.losses())
        async with replica(database) as later:
            await later.serve_from("one")
            assert later.lost_track
