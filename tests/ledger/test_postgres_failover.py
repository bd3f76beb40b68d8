"""A ledger in PostgreSQL whose standby takes over without the last commits that its primary had acknowledged."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from connector.ledger.postgres.address import parsed
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.postgres.standstill import Standstill
from connector.ledger.testing.ledger_subject import every_row
from connector.model.debts import LogoutState
from connector.model.errors import LedgerUnavailable
from tests.ledger.failing_over import Pair, pair_of
from tests.ledger.ledgers import KEYS, SetClock, close, logins, one_login_ended, open_, record, session
from tests.postgres import Postgres

SOON = 40.0


@pytest.fixture
async def pair(own_postgres: Postgres) -> AsyncIterator[Pair]:
    async with pair_of(own_postgres) as made:
        yield made


@asynccontextmanager
async def opened(pair: Pair, standstill: Standstill | None = None, *, to: str = "") -> AsyncIterator[PostgresLedger]:
    ledger = PostgresLedger(parsed(to or pair.address, origin="test"), KEYS, clock=SetClock(), standstill=standstill)
    async with ledger.opened():
        yield ledger


async def rewinds(ledger: PostgresLedger) -> int:
    """Ask until the database answers."""
    async with asyncio.timeout(SOON):
        while True:
            try:
                return (await ledger.statistics()).rewinds
            except LedgerUnavailable:
                await asyncio.sleep(0.05)


async def answering(ledger: PostgresLedger) -> PostgresLedger:
    """Return the ledger once it has found the database again."""
    await rewinds(ledger)
    return ledger


async def test_a_standby_without_the_last_commits_is_noticed_by_the_replica_that_made_them(pair: Pair) -> None:
    async with opened(pair) as loser, opened(pair) as other:
        await other.statistics()
        await pair.cut_off()
        await record(loser, 1)
        await pair.fail_over()
        found = [await rewinds(each) for each in (other, loser)]

    assert found == [0, 1]
    assert loser.lost_track


async def test_what_the_standby_lacks_is_written_again_before_anything_else_is_done(pair: Pair) -> None:
    async with opened(pair) as loser, opened(pair) as other:
        await open_(other, session(1, "t1", "l1"))
        await pair.cut_off()
        debt = await record(loser, 1, "t1", login="l1")
        await open_(loser, session(2, "t2", "l2"))
        await open_(other, session(3, "t3", "l3"))
        await pair.fail_over()
        await rewinds(loser)
        await close(loser, debt)
        await rewinds(other)
        found = await logins(other), {each.login_id: each.state for each in await every_row(other) if each.login_id}

    assert found == ({session(2).session_id: "l2", session(3).session_id: "l3"}, {"l1": LogoutState.CLOSED})


async def test_no_session_counts_as_closed_before_all_have_written_what_was_lost(pair: Pair) -> None:
    opened_last = session(1).session_id, session(1).login_id
    async with opened(pair) as loser, opened(pair) as other:
        await open_(other, session(2, "t2", "l2"))
        await pair.cut_off()
        await open_(loser, session(1))
        await pair.fail_over()
        await one_login_ended(await answering(other), 2, "t2", "l2")
        with pytest.raises(LedgerUnavailable, match="failed over"):
            await other.open_by(*opened_last)
        assert await other.open_by(session(2).session_id, "l2") is None
        await rewinds(loser)
        found = await other.open_by(*opened_last)

    assert found is not None


async def test_no_session_is_open_before_all_have_written_which_ends_were_lost(pair: Pair) -> None:
    ended, still_open = (session(1).session_id, "l1"), (session(2).session_id, "l2")
    async with opened(pair) as loser, opened(pair) as other:
        await open_(other, session(1, "t1", "l1"))
        await open_(other, session(2, "t2", "l2"))
        await pair.cut_off()
        await record(loser, 1, "t1", login="l1")
        await pair.fail_over()
        await rewinds(other)
        for login in (ended, still_open):
            with pytest.raises(LedgerUnavailable, match="failed over"):
                await other.open_by(*login)
        await rewinds(loser)
        found = [await other.open_by(*login) for login in (ended, still_open)]

    assert [each and each.login_id for each in found] == [None, "l2"]


async def test_a_cleanup_of_a_whole_session_waits_until_all_replicas_have_written(pair: Pair) -> None:
    async with opened(pair) as loser, opened(pair) as other:
        await other.statistics()
        await pair.cut_off()
        await open_(loser, session(1, "t2", "l2"))
        await pair.fail_over()
        await answering(other)
        with pytest.raises(LedgerUnavailable, match="failed over"):
            await record(other, 1, "t1", login="l1")
        await rewinds(loser)
        await record(other, 1, "t1", login="l1")
        found = await logins(other), {each.login_id for each in await every_row(other) if each.login_id}

    assert found == ({}, {"l1", "l2"})


async def test_what_a_replica_opened_that_was_taken_for_gone_meanwhile_is_owed(pair: Pair) -> None:
    """OpsHub was told by others that the session is closed. What they know as open stays."""
    clock = SetClock()
    async with opened(pair, Standstill(60.0, counted=math.inf, clock=clock)) as other, opened(pair) as loser:
        await open_(loser, session(2, "t2", "l2"))
        await pair.cut_off()
        await open_(loser, session(1, "t1", "l1"))
        await pair.fail_over()
        for _ in range(3):
            await rewinds(other)
            clock.now += 61
        await close(other, await record(other, 1, "t0", login="l0"))
        await rewinds(loser)
        found = await logins(other), {each.login_id: each.state for each in await every_row(other) if each.login_id}

    assert found == ({session(2).session_id: "l2"}, {"l0": LogoutState.CLOSED, "l1": LogoutState.OWED})


async def test_who_is_left_with_a_former_primary_finds_open_what_others_have_ended(pair: Pair) -> None:
    """`docs/ledger.md` says so of replication that is not synchronous."""
    clock, login = SetClock(), (session(1).session_id, "l1")
    former = pair.primary.dsn(pair.database)
    async with opened(pair, Standstill(60.0, counted=math.inf, clock=clock)) as other, opened(pair, to=former) as left_behind:
        await open_(other, session(1, "t1", "l1"))
        await pair.cut_off()
        await pair.fail_over()
        for _ in range(3):
            await rewinds(other)
            clock.now += 61
        await record(other, 1, "t1", login="l1")
        found = [await each.open_by(*login) for each in (left_behind, other)]

    assert [each and each.login_id for each in found] == ["l1", None]


async def test_a_standby_that_lacks_nothing_is_no_loss(pair: Pair) -> None:
    async with opened(pair) as ledger:
        await record(ledger, 1)
        await pair.cut_off()
        await pair.fail_over()
        found = await rewinds(ledger)

    assert (found, ledger.lost_track) == (0, False)


async def test_a_former_primary_that_comes_back_has_lost_what_the_other_one_committed(pair: Pair) -> None:
    async with opened(pair) as ledger:
        await pair.cut_off()
        await pair.fail_over()
        await rewinds(ledger)
        await record(ledger, 1)
        await pair.fall_back()
        found = await rewinds(ledger)

    assert found == 1


async def test_a_former_primary_that_knows_more_of_a_replica_has_lost_something_as_well(pair: Pair) -> None:
    async with opened(pair) as ledger:
        await pair.cut_off()
        for number in range(20):
            await record(ledger, number)
        await pair.fail_over()
        await open_(await answering(ledger), session(30))
        await pair.fall_back()
        assert session(30).session_id in await logins(await answering(ledger))


async def test_no_id_of_a_debt_that_was_lost_is_given_to_another_one(pair: Pair) -> None:
    async with opened(pair) as loser, opened(pair) as other:
        await pair.cut_off()
        lost = [(await record(loser, number)).id for number in range(3)]
        await pair.fail_over()
        new = [(await one_login_ended(await answering(other), number, "t", "l")).id for number in range(10, 13)]
        await rewinds(loser)
        there = {debt.id: debt.session_id for debt in await other.listing()}

    assert not {*lost} & {*new}
    assert {id_: there[id_] for id_ in lost} == {id_: session(number).session_id for number, id_ in enumerate(lost)}
