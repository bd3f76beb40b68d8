"""Seats after a fail-over: none is given before each replica has written what it knows, or was silent for a claim."""

import asyncio

import pytest

from connector.ledger.port import Ledger
from connector.ledger.postgres.standstill import Standstill
from connector.model.cleanup import Missed
from connector.model.debts import LogoutState
from connector.model.errors import LedgerUnavailable
from tests.ledger.ledgers import ORIGIN, REFUSED, all_due, one_login_ended, open_, opening, record, request, session
from tests.ledger.rewound import Rewindable, replica

SOON = 30.0
QUICK = Standstill(0.2, counted=0.2)
POOL = "licence"
OLDER = """INSERT INTO owners (id, name, sequence) VALUES ('older', 'older', {})
    ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence"""


async def gets_a_seat(ledger: Ledger, number: int, *, seats: int = 1, login: str = "l") -> bool:
    return await ledger.begin_opening(opening(session(number, login=login), POOL), seats=seats)


async def until_given(ledger: Ledger, number: int, *, seats: int = 1) -> None:
    async with asyncio.timeout(SOON):
        while True:
            if await gets_a_seat(ledger, number, seats=seats):
                return
            await asyncio.sleep(0.01)


async def test_no_seat_is_given_whose_holder_has_not_written_it_again_yet(database: Rewindable) -> None:
    async with replica(database) as holder, replica(database) as other:
        database.keep()
        assert await gets_a_seat(holder, 1)
        await other.statistics()
        database.rewind()
        before = await gets_a_seat(other, 2)
        assert not (await other.statistics()).gives_seats
        await holder.statistics()
        after = await gets_a_seat(other, 2)
        held = (await other.held_seats(POOL)).openings

    assert (before, after, held) == (False, False, 1)


async def test_a_replica_of_which_the_database_knows_nothing_any_more_is_waited_for(database: Rewindable) -> None:
    async with replica(database) as other:
        database.keep()
        async with replica(database) as holder:
            assert await gets_a_seat(holder, 1)
            await open_(holder, session(1))
            await other.statistics()
            database.rewind()
            before = [await gets_a_seat(other, 2) for _ in range(3)]
            await holder.statistics()
            held = (await other.held_seats(POOL)).total

    assert (before, held) == ([False] * 3, 1)


async def test_seats_are_given_again_once_all_have_written_and_a_claim_has_passed(database: Rewindable) -> None:
    async with replica(database, QUICK) as holder, replica(database, QUICK) as other:
        database.keep()
        assert await gets_a_seat(holder, 1)
        await other.statistics()
        database.rewind()
        assert not await gets_a_seat(other, 2, seats=2)
        await holder.statistics()
        await until_given(other, 2, seats=2)
        assert (await other.statistics()).gives_seats
        assert not await gets_a_seat(other, 3, seats=2)


async def test_a_replica_that_is_gone_is_not_waited_for_longer_than_a_claim(database: Rewindable) -> None:
    async with replica(database) as gone, replica(database, QUICK) as other:
        database.keep()
        assert await gets_a_seat(gone, 1)
        await other.statistics()
        database.rewind()
        assert not await gets_a_seat(other, 2)
        await until_given(other, 2)


async def test_a_replica_that_is_there_and_writes_nothing_again_is_waited_for(database: Rewindable) -> None:
    """One of an older version does not know how."""
    async with replica(database, QUICK) as other:
        database.keep()
        await other.statistics()
        database.rewind()
        for step in range(20):
            database.server.administer(OLDER.format(step), database.database)
            assert not await gets_a_seat(other, 2)
            await asyncio.sleep(QUICK.claim / 8)
        await until_given(other, 2)


async def test_logins_that_take_no_seat_go_on_meanwhile(database: Rewindable) -> None:
    async with replica(database) as ledger:
        database.keep()
        await ledger.statistics()
        database.rewind()
        assert await ledger.begin_opening(opening(session(1)))


@pytest.mark.parametrize("knows_the_end", [False, True])
async def test_a_cleanup_that_is_recorded_late_keeps_the_seat_that_was_lost(database: Rewindable, knows_the_end: bool) -> None:
    lost = session(1, "t1", "l1")
    async with replica(database) as loser, replica(database) as other:
        database.keep()
        assert await gets_a_seat(loser, 1, login="l1")
        assert (await loser.open_session(lost, None, drivers=())).is_open
        if knows_the_end:
            await one_login_ended(loser, 1, "t1", "l1")
        await other.statistics()
        database.rewind()
        with pytest.raises(LedgerUnavailable, match="failed over"):
            await record(other, 1, "t1", login="l1")
        await other.record_late(Missed(request(1, "t1", login="l1"), ORIGIN, (), logins=["l1"]))
        await loser.statistics()
        held = await other.held_seats(POOL)

    assert (held.owed, held.total) == (1, 1)


async def test_a_debt_keeps_its_seat_if_one_without_it_is_written_again(database: Rewindable) -> None:
    """A replica has recorded and tried the logout where the login's row was lost, and then that row is there once more."""
    lost = session(1, "t1", "l1")
    async with replica(database) as opener, replica(database) as other:
        await other.statistics()
        database.keep()
        assert await gets_a_seat(opener, 1, login="l1")
        assert (await opener.open_session(lost, None, drivers=())).is_open
        database.rewind()
        await other.record_late(Missed(request(1, "t1", login="l1"), ORIGIN, (), logins=["l1"]))
        (due,) = await all_due(other)
        await other.settle(due, state=LogoutState.WAITING, outcome=REFUSED)
        database.rewind()
        await one_login_ended(opener, 1, "t1", "l1")
        await other.statistics()
        held = await opener.held_seats(POOL)

    assert (held.waiting, held.total) == (1, 1)
