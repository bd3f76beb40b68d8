"""What replicas owe is written again into a database that has forgotten it, by the latest credential that anybody knows."""

from dataclasses import replace

import pytest

from connector.ledger.testing.ledger_subject import every_row
from connector.model.begun import refresh_of
from connector.model.debts import LogoutState
from connector.model.errors import LedgerUnavailable
from connector.model.listed import SessionState
from connector.model.outcomes import IN_USE_AGAIN, SHARED, LogoutOutcome
from connector.model.sessions import Current, OpenSession, RefreshClaim, RefreshState, Renewal
from tests.ledger.ledgers import (
    DRIVERS,
    REFUSED,
    VERIFIED,
    all_due,
    close,
    one_login_ended,
    open_,
    opening,
    record,
    request,
    session,
)
from tests.ledger.rewound import Rewindable, ended_by_its_id, open_first, reopen, replica, states

LOST = session(1, "t1", "l1")
OWED, CLOSED = LogoutState.OWED, LogoutState.CLOSED


async def test_a_renewed_credential_that_was_lost_is_the_one_that_ends_the_login(database: Rewindable) -> None:
    new = request(1, "newer").credential
    async with replica(database) as ledger, replica(database) as other:
        await open_first(ledger)
        database.keep()
        await ledger.renew(Renewal(session(1).session_id, "l1", 0, new))
        database.rewind()
        await ledger.statistics()
        debt = await record(other, 1, "t1", login="l1")

    assert (debt.credential, debt.version) == (new, 1)


@pytest.mark.parametrize("state", [LogoutState.OWED, LogoutState.WAITING, CLOSED])
async def test_a_login_ended_without_its_credential_is_owed_by_the_one_that_was_lost(
    database: Rewindable, state: LogoutState
) -> None:
    """Another replica knew only the id of the login when it ended it: the ledger had the credential, and has lost it."""
    async with replica(database) as loser, replica(database) as other:
        await other.statistics()
        database.keep()
        await open_first(loser)
        database.rewind()
        debt = await ended_by_its_id(other)
        await other.settle(debt, state=state, outcome=VERIFIED if state is CLOSED else REFUSED)
        await loser.statistics()
        (found,) = [debt for debt in await every_row(other) if debt.login_id]
        (due,) = await all_due(other)

    assert (found.state, due.credential, due.version, found.outcome) == (OWED, session(1, "t1").credential, 0, None)


@pytest.mark.parametrize(
    ("lost", "used", "outcome"),
    [
        (replace(LOST, is_shared=True), replace(session(2, "t1", "l2"), is_shared=True), SHARED),
        (LOST, session(1, "t1", "l2"), IN_USE_AGAIN),
    ],
)
async def test_a_login_that_is_used_elsewhere_is_not_owed_by_a_credential_that_was_lost(
    database: Rewindable, lost: OpenSession, used: OpenSession, outcome: LogoutOutcome
) -> None:
    async with replica(database) as loser, replica(database) as other:
        await other.statistics()
        database.keep()
        await open_(loser, lost)
        database.rewind()
        await ended_by_its_id(other)
        await open_(other, used)
        await loser.statistics()
        found = {debt.login_id: (debt.state, debt.outcome) for debt in await every_row(other) if debt.login_id}

    assert found == {"l1": (CLOSED, outcome)}


async def test_a_login_ended_without_its_credential_holds_the_seat_that_was_lost(database: Rewindable) -> None:
    async with replica(database) as loser, replica(database) as other:
        await other.statistics()
        database.keep()
        await loser.begin_opening(opening(LOST, "licence"))
        assert (await loser.open_session(LOST, None, drivers=DRIVERS)).is_open
        database.rewind()
        await ended_by_its_id(other)
        await loser.statistics()
        held = await other.held_seats("licence")

    assert (held.owed, held.total) == (1, 1)


async def test_a_refresh_whose_claim_was_lost_is_still_that_of_its_owner(database: Rewindable) -> None:
    login = session(1).session_id, "l1", 0
    async with replica(database) as owner, replica(database) as other:
        await open_first(owner)
        database.keep()
        assert (await owner.claim_refresh(*login)).state is RefreshState.OURS
        database.rewind()
        await owner.statistics()
        found = (await other.claim_refresh(*login)).state

    assert found is RefreshState.ANOTHERS


async def test_a_refresh_in_doubt_outlives_what_an_earlier_refresh_has_left_elsewhere(database: Rewindable) -> None:
    login, newer = (session(1).session_id, "l1"), request(1, "newer").credential
    async with replica(database) as before, replica(database) as last:
        await open_first(before)
        assert (await before.claim_refresh(*login, 0)).state is RefreshState.OURS
        await before.renew(Renewal(*login, 0, newer, ends_refresh=True))
        assert (await last.claim_refresh(*login, 1)).state is RefreshState.OURS
        await last.release_refresh(*login, unanswered=True)
        database.keep()
        await before.statistics()
        database.rewind()
        for each in (before, last):
            await each.statistics()
        debt = await record(before, 1, "newer", login="l1")
        await close(before, debt)
        listed = await last.session_listing()

    assert [(each.login_id, each.state) for each in listed] == [(refresh_of("l1"), SessionState.UNKNOWN)]


async def test_a_try_that_was_under_way_settles_the_debt_that_was_lost_and_no_other(database: Rewindable) -> None:
    async with replica(database) as loser, replica(database) as other:
        await other.statistics()
        database.keep()
        debt = await record(loser, 1, "t1", login="l1")
        database.rewind()
        another = await record(other, 2, "t2", login="l2")
        await close(loser, debt)
        found = await states(other)

    assert another.id != debt.id
    assert found == {"l1": CLOSED, "l2": OWED}


async def test_two_histories_of_one_database_give_no_id_to_two_debts(database: Rewindable) -> None:
    """A standby is promoted, and the former primary comes back and takes its place again. A try of the one settles no other."""
    async with replica(database) as one, replica(database) as other:
        database.keep()
        await open_first(one)
        await reopen(other)
        database.rewind()
        await other.statistics()
        tried = await one_login_ended(one, 3, "t3", "l3")
        database.rewind()
        another = await one_login_ended(other, 2, "t2", "l2")
        await close(one, tried)
        found = {debt.session_id: debt.state for debt in await every_row(other) if debt.login_id == another.login_id}

    assert tried.id != another.id
    assert found[another.session_id] is OWED


async def test_an_attempt_that_was_lost_counts(database: Rewindable) -> None:
    async with replica(database) as ledger:
        debt = await record(ledger, 1, login="l1")
        database.keep()
        await ledger.settle(debt, state=LogoutState.WAITING, outcome=REFUSED, evicted=DRIVERS)
        database.rewind()
        await ledger.statistics()
        (found,) = await every_row(ledger)

    assert (found.state, found.outcome, found.attempts) == (LogoutState.WAITING, REFUSED, 1)


async def test_a_debt_without_credential_takes_that_of_the_row_which_it_ends(database: Rewindable) -> None:
    async with replica(database) as loser, replica(database) as other:
        await other.statistics()
        database.keep()
        await open_first(loser)
        database.rewind()
        await ended_by_its_id(other)
        database.rewind()
        await loser.statistics()
        await other.statistics()
        (due,) = await all_due(other)

    assert (due.credential, due.version) == (session(1, "t1").credential, 0)


async def test_a_debt_takes_the_credential_of_the_row_which_it_ends(database: Rewindable) -> None:
    new = request(1, "newer").credential
    async with replica(database) as loser, replica(database) as other:
        await open_first(loser)
        database.keep()
        await loser.renew(Renewal(LOST.session_id, "l1", 0, new))
        database.rewind()
        await one_login_ended(other, 1, "t1", "l1")
        database.rewind()
        await loser.statistics()
        await other.statistics()
        (due,) = await all_due(other)

    assert (due.credential, due.version) == (new, 1)


async def test_a_renewal_of_a_login_that_is_not_there_yet_is_not_dropped(database: Rewindable) -> None:
    new = request(1, "newer").credential
    async with replica(database) as opener, replica(database) as other:
        database.keep()
        await open_first(opener)
        await other.statistics()
        database.rewind()
        renewal = Renewal(LOST.session_id, "l1", 0, new)
        with pytest.raises(LedgerUnavailable, match="failed over"):
            await other.renew(renewal)
        await opener.statistics()
        assert await other.renew(renewal) == Current(new, 1)


@pytest.mark.parametrize("is_ended", [False, True])
async def test_a_renewal_of_a_credential_that_was_lost_counts(database: Rewindable, is_ended: bool) -> None:
    newer, newest = request(1, "newer").credential, request(1, "newest").credential
    async with replica(database) as one, replica(database) as other:
        await open_first(one)
        if is_ended:
            await one_login_ended(one, 1, "t1", "l1")
        database.keep()
        await one.renew(Renewal(LOST.session_id, "l1", 0, newer))
        await other.statistics()
        database.rewind()
        found = await other.renew(Renewal(LOST.session_id, "l1", 1, newest))
        await one.statistics()
        again = await one.renew(Renewal(LOST.session_id, "l1", 1, newer))

    assert found == again == Current(newest, 2, is_open=not is_ended)


@pytest.mark.parametrize("is_ended", [False, True])
async def test_a_refresh_of_a_login_that_is_not_there_yet_waits_unless_it_was_ended(database: Rewindable, is_ended: bool) -> None:
    login = LOST.session_id, "l1", 0
    async with replica(database) as opener, replica(database) as other:
        database.keep()
        await open_first(opener)
        await other.statistics()
        database.rewind()
        if is_ended:
            await one_login_ended(other, 1, "t1", "l1")
            assert (await other.claim_refresh(*login)).state is RefreshState.NOT_DUE
        else:
            with pytest.raises(LedgerUnavailable, match="failed over"):
                await other.claim_refresh(*login)
            await opener.statistics()
            assert (await other.claim_refresh(*login)).state is RefreshState.OURS


async def test_a_refresh_waits_for_who_may_have_spent_the_credential(database: Rewindable) -> None:
    login, new = (LOST.session_id, "l1", 0), request(1, "newer").credential
    async with replica(database) as one, replica(database) as other:
        await open_first(one)
        database.keep()
        await one.renew(Renewal(LOST.session_id, "l1", 0, new))
        await other.statistics()
        database.rewind()
        with pytest.raises(LedgerUnavailable, match="failed over"):
            await other.claim_refresh(*login)
        await one.statistics()
        found = await other.claim_refresh(*login)

    assert found == RefreshClaim(RefreshState.NOT_DUE, Current(new, 1))


async def test_of_two_renewals_of_one_version_all_replicas_go_on_with_one(database: Rewindable) -> None:
    """One was lost, and the other recorded meanwhile. Neither may go on with a credential that the ledger does not have."""
    login, lost, kept = (LOST.session_id, "l1"), request(1, "lost").credential, request(1, "kept").credential
    async with replica(database) as one, replica(database) as other:
        await open_first(one)
        database.keep()
        await one.renew(Renewal(*login, 0, lost))
        database.rewind()
        assert await other.renew(Renewal(*login, 0, kept)) == Current(kept, 1)
        for each in (one, other, one):
            assert await each.changed_logins({login: 1}) == {login: 2}
        found = await other.open_by(*login)

    assert found is not None
    assert (found.credential, found.version) == (kept, 2)
