"""Sessions that are opened, replaced and closed: a login is always a session's, a debt, or ended."""

from collections.abc import Sequence

from msgspec.structs import replace

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    DRIVERS,
    KEYS,
    ORIGIN,
    START,
    LedgerSubject,
    MakeLedger,
    all_due,
    close,
    every_row,
    logins,
    open_,
    opened,
    opening,
    owed,
    record,
    request,
    session,
    untried,
)
from connector.model.credential import Credential
from connector.model.debts import LogoutState
from connector.model.outcomes import NO_LOGIN
from connector.model.sessions import Renewal


class Replacing(LedgerSubject):
    async def test_an_open_session_survives_and_owes_nothing(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            await open_(ledger, session(1))
        async with opened(make_ledger(KEYS)) as ledger:
            assert await logins(ledger) == {session(1).session_id: "l"}
            assert await every_row(ledger) == []

    async def test_a_cleanup_closes_no_login_that_was_opened_after_it_was_received(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "old", "first"))
        await open_(ledger, session(1, "new", "second"))
        await untried(ledger, request(1, "old", login="first"), origin="", drivers=[], logins=["first"])
        assert await logins(ledger) == {session(1).session_id: "second"}
        assert [debt.credential for debt in await owed(ledger)] == [request(1, "old").credential]

    async def test_a_new_login_makes_the_old_one_a_debt_that_is_due_at_once(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "old", "first"))
        await open_(ledger, session(1, "new", "second"))
        (debt,) = await all_due(ledger, now=START)
        assert debt.credential == request(1, "old").credential
        assert await logins(ledger) == {session(1).session_id: "second"}

    async def test_the_same_credential_once_more_is_the_same_login_and_owes_nothing(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "same", "first"), None)
        await open_(ledger, session(1, "same", "second"), session(1, "same", "first"))
        assert await all_due(ledger) == []

    async def test_a_credential_that_is_handed_out_again_is_neither_owed_nor_closed_any_more(self, ledger: Ledger) -> None:
        await close(ledger, await record(ledger, 1, "closed"))
        await record(ledger, 2, "owed")
        await open_(ledger, session(1, "closed"))
        await open_(ledger, session(2, "owed"))
        assert await owed(ledger) == []
        again = await record(ledger, 1, "closed")
        assert again.state is LogoutState.OWED

    async def test_a_cleanup_turns_the_session_into_its_debt_in_one_step(self, ledger: Ledger) -> None:
        await open_(ledger, session(1))
        debt = await record(ledger, 1, login="l")
        assert await logins(ledger) == {}
        assert [each.id for each in await all_due(ledger)] == [debt.id]

    async def test_a_cleanup_with_another_credential_owes_the_sessions_login_as_well(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "own"))
        await record(ledger, 1, "other")
        assert {debt.credential for debt in await owed(ledger)} == {request(1, token).credential for token in ("own", "other")}

    async def test_a_session_that_is_opened_while_its_cleanup_still_evicts_owes_that_eviction_too(self, ledger: Ledger) -> None:
        # Otherwise the new login could be given what the earlier one had cached, until that cleanup has evicted it.
        await open_(ledger, session(1, "old", "first"))
        await untried(ledger, request(1, "old", login="first"), origin="", drivers=["memory"])
        await ledger.begin_opening(opening(session(1, "new", "second")))
        found = await ledger.open_session(session(1, "new", "second"), None, drivers=["memory"])
        assert found.owed is not None
        assert [*found.owed.evictions] == ["memory"]

    async def test_which_login_a_session_is_open_by_is_told_by_any_owner_until_it_ends(self, owners: Sequence[Ledger]) -> None:
        ledger, asked = owners[0], [session(number).session_id for number in (1, 2, 3)]
        for number in (1, 2):
            await open_(ledger, session(number, "old", "first"))
        await open_(owners[-1], session(2, "new", "second"))
        await ledger.renew(Renewal(asked[0], "first", 0, request(1, "newer").credential))
        assert [[await each.login_now(id_) for id_ in asked] for each in owners] == [["first", "second", None]] * len(owners)
        await record(owners[-1], 2, "new", login="second")
        assert [await each.login_now(asked[1]) for each in owners] == [None] * len(owners)

    async def test_any_owner_is_told_which_logins_are_over_and_which_have_another_credential(
        self, owners: Sequence[Ledger]
    ) -> None:
        ledger, asked = owners[0], [session(number).session_id for number in (1, 2, 3, 4)]
        for number in (1, 2, 3):
            await open_(ledger, session(number, "old", "first"))
        await ledger.renew(Renewal(asked[1], "first", 0, request(2, "newer").credential))
        await open_(owners[-1], session(3, "new", "second"))
        known = {(id_, "first"): 0 for id_ in asked} | {(asked[2], "second"): 0}
        changed = {(asked[1], "first"): 1, (asked[2], "first"): None, (asked[3], "first"): None}
        assert [await each.changed_logins(known) for each in owners] == [changed] * len(owners)
        assert [await each.changed_logins({(asked[1], "first"): 1}) for each in owners] == [{}] * len(owners)
        assert [await each.changed_logins({}) for each in owners] == [{}] * len(owners)

    async def test_a_session_without_a_login_leaves_no_debt(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, None, "first"))
        await open_(ledger, session(1, None, "second"))
        await ledger.end_login(session(1, None, "second"))
        assert [debt.state for debt in await every_row(ledger)] == [LogoutState.CLOSED], "the eviction of the first"
        assert await logins(ledger) == {}

    async def test_a_login_that_is_owed_twice_is_one_debt(self, ledger: Ledger) -> None:
        for _ in range(2):
            await ledger.end_login(session(1))
        assert len(await all_due(ledger)) == 1

    async def test_a_login_that_is_made_once_more_after_it_was_ended_is_owed_anew(self, ledger: Ledger) -> None:
        for login in ("l", ""):
            await close(ledger, await record(ledger, 1, login=login))
        await open_(ledger, session(1))
        await record(ledger, 1, "other")
        (debt,) = [debt for debt in await all_due(ledger) if debt.login_id == "l"]
        assert debt.credential == request(1).credential
        await close(ledger, debt)
        assert (await record(ledger, 1, login="l")).state is LogoutState.CLOSED

    async def test_the_same_credential_by_another_seal_is_another_login(self, ledger: Ledger) -> None:
        first = await record(ledger, 1, login="first")
        await close(ledger, first)
        second = await record(ledger, 1, login="second")
        assert (second.state, second.id) == (LogoutState.OWED, (await record(ledger, 1, login="second")).id)
        assert (await record(ledger, 1, login="first")).id == first.id

    async def test_a_late_duplicate_of_an_earlier_life_ends_the_new_one(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, login="first"))
        await close(ledger, await record(ledger, 1, login="first"))
        await open_(ledger, session(1, login="second"))
        assert (await record(ledger, 1, login="first")).state is LogoutState.CLOSED
        assert await logins(ledger) == {}
        assert [debt.login_id for debt in await all_due(ledger)] == ["second"]

    async def test_what_a_session_still_owes_is_told_until_it_is_closed(self, ledger: Ledger) -> None:
        for number in (1, 2):
            await open_(ledger, session(number, "old", "first"))
            await open_(ledger, session(number, "new", "second"))
        (debt,) = await ledger.owed_of(session(1).session_id)
        assert debt.credential == request(1, "old").credential
        await close(ledger, debt)
        assert await ledger.owed_of(session(1).session_id) == []

    async def test_what_a_session_owes_of_evictions_is_told_whatever_became_of_its_logouts(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, None, "first"))
        before = await ledger.owes_evictions(session(1).session_id)
        await open_(ledger, session(1, None, "second"))
        assert (before, await ledger.owes_evictions(session(1).session_id)) == (False, True)
        assert await ledger.owed_of(session(1).session_id) == []
        for debt in await ledger.owed_evictions(DRIVERS[0]):
            await ledger.settle(debt, state=LogoutState.CLOSED, evicted=DRIVERS)
        assert not await ledger.owes_evictions(session(1).session_id)

    async def test_a_cleanup_that_has_no_credential_of_its_own_ends_that_of_its_login(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "known"))
        await open_(ledger, session(2, None))
        asked = [replace(request(number, login="l"), credential=Credential(), version=-1) for number in (1, 2)]
        ended, nothing = [await untried(ledger, each, origin="", drivers=()) for each in asked]
        assert (ended.credential, ended.origin) == (request(1, "known").credential, ORIGIN)
        assert (nothing.state, nothing.outcome) == (LogoutState.CLOSED, NO_LOGIN)

    async def test_an_old_seal_whose_login_was_ended_is_not_owed_again(self, ledger: Ledger) -> None:
        await close(ledger, await record(ledger, 1, "old", login="first"))
        await open_(ledger, session(1, "new", "second"), replaced=session(1, "old", "first"))
        assert await all_due(ledger) == []
