"""Logins that are known before they are made: each becomes a session, a debt or nothing, or stays unknown."""

from collections.abc import Sequence

import pytest

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    DRIVERS,
    GRACE,
    KEYS,
    ORIGIN,
    ROTATED,
    START,
    LedgerSubject,
    MakeLedger,
    SetClock,
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
)
from connector.model.begun import Recorded
from connector.model.cleanup import Missed
from connector.model.credential import Credential
from connector.model.errors import NoSuchOpening
from connector.model.sessions import OpenSession, Replaced


async def begun(ledger: Ledger) -> tuple[int, int]:
    """Return how many logins are under way, and of how many nobody knows what they have made."""
    totals = await ledger.statistics()
    return totals.openings, totals.unknown


async def answered(ledger: Ledger, made: OpenSession) -> Recorded:
    """Record that a login has made this session."""
    return await ledger.open_session(made, None, drivers=DRIVERS)


async def credentials_due(ledger: Ledger, now: float = START) -> list[Credential | None]:
    return [debt.credential for debt in await all_due(ledger, now)]


class BeforeLogins(LedgerSubject):
    async def test_a_login_is_known_before_it_is_made_and_becomes_a_session(self, ledger: Ledger) -> None:
        await ledger.begin_opening(opening(session(1)))
        assert (await begun(ledger), await logins(ledger)) == ((1, 0), {})
        assert await answered(ledger, session(1)) == Recorded(is_open=True)
        assert (await begun(ledger), await logins(ledger)) == ((0, 0), {session(1).session_id: "l"})
        assert await every_row(ledger) == []

    async def test_a_login_that_made_nothing_leaves_nothing(self, ledger: Ledger) -> None:
        for number in (1, 2):
            await ledger.begin_opening(opening(session(number)))
        await ledger.opening_failed(opening(session(1)))
        assert (await begun(ledger), await every_row(ledger)) == ((1, 0), [])

    @pytest.mark.parametrize("meant", [None, ["old", "l"]], ids=["all logins", "those that the cleanup knew of"])
    async def test_a_login_that_a_cleanup_has_overtaken_is_owed_at_once(self, ledger: Ledger, meant: list[str] | None) -> None:
        await ledger.begin_opening(opening(session(1)))
        await ledger.record(request(1, "another"), origin=ORIGIN, drivers=DRIVERS, logins=meant)
        assert await begun(ledger) == (1, 0), "the login goes on"
        assert await answered(ledger, session(1)) == Recorded(is_open=False)
        assert (await begun(ledger), await logins(ledger)) == ((0, 0), {})
        assert await credentials_due(ledger) == [request(1).credential]

    async def test_a_cleanup_that_is_recorded_late_overtakes_the_logins_that_it_knew_of(self, ledger: Ledger) -> None:
        for login in ("first", "second"):
            await ledger.begin_opening(opening(session(1, login, login)))
        await ledger.record_late(Missed(request(1, "another"), ORIGIN, DRIVERS, ["first"]))
        assert await answered(ledger, session(1, "first", "first")) == Recorded(is_open=False)
        assert (await answered(ledger, session(1, "second", "second"))).is_open
        assert await logins(ledger) == {session(1).session_id: "second"}

    async def test_a_login_that_began_after_the_cleanup_or_is_anothers_is_not_overtaken(self, ledger: Ledger) -> None:
        for number in (1, 2):
            await ledger.begin_opening(opening(session(number)))
        await ledger.record(request(1, "another"), origin=ORIGIN, drivers=DRIVERS, logins=["before"])
        await record(ledger, 3)
        assert [(await answered(ledger, session(number))).is_open for number in (1, 2)] == [True, True]

    async def test_what_an_overtaken_login_would_replace_is_left_as_it_is(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "old", "old"))
        await ledger.begin_opening(opening(session(1)))
        await ledger.record(request(1, "another"), origin=ORIGIN, drivers=(), logins=["l"])
        replaced = Replaced(session(1, "shown", "shown"))
        assert await ledger.open_session(session(1), replaced, drivers=DRIVERS) == Recorded(is_open=False)
        assert await logins(ledger) == {session(1).session_id: "old"}
        assert await credentials_due(ledger) == [request(1).credential]

    async def test_a_login_that_nobody_has_begun_is_owed_and_opens_no_session(self, ledger: Ledger) -> None:
        assert await answered(ledger, session(1)) == Recorded(is_open=False)
        assert (await credentials_due(ledger), await logins(ledger)) == ([request(1).credential], {})

    async def test_an_overtaken_login_that_a_cleanup_ends_by_its_seal_is_not_owed_twice(self, ledger: Ledger) -> None:
        await ledger.begin_opening(opening(session(1)))
        await close(ledger, await record(ledger, 1, login="l"))
        for _ in range(2):
            assert await answered(ledger, session(1)) == Recorded(is_open=False)
        assert await all_due(ledger) == []

    async def test_an_overtaken_login_whose_credential_is_in_use_is_not_owed(self, ledger: Ledger) -> None:
        await ledger.begin_opening(opening(session(1)))
        await record(ledger, 1, "another")
        await open_(ledger, session(1, login="new"))
        assert await answered(ledger, session(1)) == Recorded(is_open=False)
        assert [debt.credential for debt in await owed(ledger)] == [request(1, "another").credential]

    async def test_a_login_that_failed_half_way_is_owed_and_no_opening_any_more(self, ledger: Ledger) -> None:
        await ledger.begin_opening(opening(session(1)))
        owed_now = await ledger.end_login(session(1), being_tried=True)
        assert owed_now is not None
        await ledger.release(owed_now)
        assert (await begun(ledger), await credentials_due(ledger, START + GRACE)) == ((0, 0), [request(1).credential])

    async def test_a_repeated_beginning_leaves_an_overtaken_login_overtaken(self, ledger: Ledger) -> None:
        await ledger.begin_opening(opening(session(1)))
        await record(ledger, 1, "another")
        await ledger.begin_opening(opening(session(1)))
        assert not (await answered(ledger, session(1))).is_open

    async def test_a_login_without_an_answer_is_unknown_and_an_answer_makes_it_a_debt(self, ledger: Ledger) -> None:
        for number in (1, 2):
            await ledger.begin_opening(opening(session(number)))
            await ledger.opening_unanswered(opening(session(number)))
        assert await begun(ledger) == (0, 2)
        assert await answered(ledger, session(1)) == Recorded(is_open=False)
        assert await ledger.end_login(session(2)) is not None
        assert (await begun(ledger), await logins(ledger)) == ((0, 0), {})
        assert await credentials_due(ledger) == [request(number).credential for number in (1, 2)]

    async def test_a_login_whose_owner_is_gone_is_unknown_overtaken_or_not(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            for number in (1, 2):
                await ledger.begin_opening(opening(session(number)))
            await record(ledger, 1, "another")
        async with opened(make_ledger(ROTATED)) as ledger:
            assert await begun(ledger) == (0, 2)
            assert (await ledger.known_sessions()).unknown == 2
            await record(ledger, 2, "another")
            await ledger.begin_opening(opening(session(3)))
            assert await begun(ledger) == (1, 2)
            assert [(await answered(ledger, session(number))).is_open for number in (1, 2, 3)] == [False, False, True]
            assert {debt.session_id for debt in await all_due(ledger, START)} >= {session(number).session_id for number in (1, 2)}

    async def test_an_unknown_login_is_let_go_by_a_person_and_one_under_way_is_not(self, ledger: Ledger) -> None:
        for number in (1, 2):
            await ledger.begin_opening(opening(session(number, login=f"login {number}")))
        await ledger.opening_unanswered(opening(session(1, login="login 1")))
        await ledger.let_go_opening("login 1")
        assert await begun(ledger) == (1, 0)
        for login in ("login 1", "login 2"):
            with pytest.raises(NoSuchOpening):
                await ledger.let_go_opening(login)
        assert (await answered(ledger, session(2, login="login 2"))).is_open


class SharedBeforeLogins(LedgerSubject):
    """What is promised of a store that has several owners at a time."""

    async def test_a_login_is_unknown_once_its_owner_is_gone_and_owed_if_he_comes_back(
        self, owners: Sequence[Ledger], clock: SetClock
    ) -> None:
        at_work, gone = owners[:2]
        await at_work.begin_opening(opening(session(1)))
        await gone.begin_opening(opening(session(2)))
        assert [await begun(owner) for owner in (at_work, gone)] == [(2, 0)] * 2
        with pytest.raises(NoSuchOpening):
            await at_work.let_go_opening("l")
        for _ in range(2):
            clock.now += 0.6 * self.gone_after
            await at_work.claim_due(clock.now, per_origin=9, limit=9)
        assert await begun(at_work) == (1, 1)
        await gone.claim_due(clock.now, per_origin=9, limit=9)
        assert await begun(gone) == (1, 1), "he was only paused, but nobody knows what came of it"
        assert [(await answered(owner, session(number))).is_open for number, owner in enumerate(owners[:2], 1)] == [True, False]
        assert await credentials_due(at_work, clock.now) == [request(2).credential]

    async def test_a_cleanup_by_one_owner_overtakes_the_login_of_another(self, owners: Sequence[Ledger]) -> None:
        await owners[0].begin_opening(opening(session(1)))
        await record(owners[1], 1, "another")
        assert not (await answered(owners[0], session(1))).is_open
