"""What a person is shown of open sessions and begun logins."""

from dataclasses import asdict, replace

import pytest

from connector.ledger.port import Ledger
from connector.ledger.testing.ledger_subject import (
    DRIVERS,
    KEYS,
    ONLY_NEW,
    ORIGIN,
    ROTATED,
    START,
    LedgerSubject,
    MakeLedger,
    open_,
    opened,
    opening,
    record,
    request,
    session,
    untried,
)
from connector.model.listed import EVERY, ListedSession, SessionState, Wanted
from connector.model.sessions import OpenSession, Use

OPEN, OPENING, UNKNOWN = SessionState.OPEN, SessionState.OPENING, SessionState.UNKNOWN


def named(listed: list[ListedSession]) -> list[int]:
    """Return the sessions by the numbers that they were made of."""
    return [int(each.session_id.rpartition("-")[2], 16) for each in listed]


async def begin(ledger: Ledger, number: int, *, unanswered: bool = False) -> None:
    begun = opening(session(number, login=f"login {number}"))
    await ledger.begin_opening(begun)
    if unanswered:
        await ledger.opening_unanswered(begun)


class ListedSessions(LedgerSubject):
    async def test_an_open_session_is_listed_with_all_but_its_credential(self, ledger: Ledger) -> None:
        await open_(ledger, session(1, "secret"))
        (listed,) = await ledger.session_listing()
        assert replace(listed, place=0) == ListedSession(
            place=0,
            session_id=session(1).session_id,
            system_id="A",
            origin=ORIGIN,
            login_id="l",
            state=OPEN,
            opened_at=START,
            used_at=START,
            idle=0,
        )
        assert "secret" not in str(asdict(listed))

    async def test_logins_under_way_and_unknown_ones_come_first_each_with_its_state(self, ledger: Ledger) -> None:
        for number in (1, 2):
            await open_(ledger, session(number))
        await begin(ledger, 3)
        await begin(ledger, 4, unanswered=True)
        await record(ledger, 3, "another")
        listed = await ledger.session_listing()
        assert named(listed) == [3, 4, 1, 2]
        assert [each.state for each in listed] == [OPENING, UNKNOWN, OPEN, OPEN]
        assert [each.overtaken for each in listed] == [True, False, False, False]
        assert [each.used_at for each in listed] == [None, None, START, START]

    @pytest.mark.parametrize(
        ("wanted", "numbers"),
        [
            (EVERY, [3, 4, 1, 2]),
            (Wanted(states=[OPEN]), [1, 2]),
            (Wanted(states=[OPENING]), [3]),
            (Wanted(states=[UNKNOWN]), [4]),
            (Wanted(states=[UNKNOWN, OPEN]), [4, 1, 2]),
            (Wanted(states=[]), []),
            (Wanted(session=session(3).session_id), [3]),
            (Wanted(session=session(2).session_id, states=[OPEN]), [2]),
            (Wanted(system="B"), [2]),
            (Wanted(system="A", origin=ORIGIN), [3, 4, 1]),
            (Wanted(origin="https://other.example.com"), [2]),
            (Wanted(system="%"), []),
        ],
        ids=str,
    )
    async def test_sessions_are_chosen_by_state_system_and_origin(
        self, ledger: Ledger, wanted: Wanted, numbers: list[int]
    ) -> None:
        await open_(ledger, session(1))
        await open_(ledger, replace(session(2), system_id="B", origin="https://other.example.com"))
        await begin(ledger, 3)
        await begin(ledger, 4, unanswered=True)
        assert named(await ledger.session_listing(wanted)) == numbers

    async def test_idle_time_is_counted_in_ticks_since_the_last_use_and_can_be_asked_for(self, ledger: Ledger) -> None:
        for number in (1, 2):
            await open_(ledger, session(number))
        await begin(ledger, 3, unanswered=True)
        for _ in range(3):
            await ledger.tick()
        await ledger.note_use({session(2).session_id: Use("l", START + 5)})
        await ledger.tick()
        await open_(ledger, session(4))
        assert [(each.state, each.idle) for each in await ledger.session_listing()] == [
            (UNKNOWN, None),
            (OPEN, 4),
            (OPEN, 1),
            (OPEN, 0),
        ]
        for ticks, numbers in ((0, [1, 2, 4]), (1, [1, 2]), (2, [1]), (4, [1]), (5, [])):
            assert named(await ledger.session_listing(Wanted(idle=ticks))) == numbers

    async def test_sessions_are_listed_in_slices_while_others_come_and_go(self, ledger: Ledger) -> None:
        for number in (1, 2, 3):
            await begin(ledger, number)
        for number in (4, 5, 6):
            await open_(ledger, session(number))
        seen: list[ListedSession] = []
        while page := await ledger.session_listing(after=seen[-1].place if seen else 0, limit=2):
            seen += page
            await record(ledger, named(page)[0])
        assert named(seen) == [1, 2, 3, 4, 5, 6]
        assert named(await ledger.session_listing(Wanted(states=[OPEN]))) == [4, 6]

    async def test_calls_are_counted_once_however_often_their_note_is_written(self, ledger: Ledger) -> None:
        await open_(ledger, session(1))
        for calls, moment in ((3, START + 5), (3, START + 5), (2, START + 9)):
            await ledger.note_use({session(1).session_id: Use("l", moment, calls)})
        await ledger.note_use({session(1).session_id: Use("another life", START + 10, 7)})
        (listed,) = await ledger.session_listing()
        assert (listed.calls, listed.used_at) == (5, START + 9)

    async def test_a_session_that_is_opened_anew_has_had_no_calls(self, ledger: Ledger) -> None:
        await open_(ledger, session(1))
        await ledger.note_use({session(1).session_id: Use("l", START + 5, 3)})
        await open_(ledger, session(1, "new", "new"))
        assert [(each.login_id, each.calls) for each in await ledger.session_listing()] == [("new", 0)]

    async def test_sessions_of_one_login_are_told_how_many_share_it_by_whichever_key(self, make_ledger: MakeLedger) -> None:
        shared = [replace(session(number), is_shared=True) for number in (1, 2, 3)]
        async with opened(make_ledger(KEYS)) as ledger:
            for each in shared[:2]:
                await open_(ledger, each)
        async with opened(make_ledger(ROTATED)) as ledger:
            others = [session(4), replace(session(5, "another"), is_shared=True), replace(session(6, None), is_shared=True)]
            for each in (shared[2], *others, replace(session(7), is_shared=True, origin="elsewhere")):
                await open_(ledger, each)
            assert [each.sharers for each in await ledger.session_listing()] == [2, 2, 2, 0, 0, 0, 0]

    async def test_a_session_whose_key_is_missing_is_listed_as_one_that_cannot_be_used(self, make_ledger: MakeLedger) -> None:
        async with opened(make_ledger(KEYS)) as ledger:
            await open_(ledger, replace(session(1), is_shared=True))
            await begin(ledger, 2)
        async with opened(make_ledger(ONLY_NEW)) as ledger:
            listed = await ledger.session_listing()
            assert (named(listed), [each.state for each in listed]) == ([2, 1], [UNKNOWN, OPEN])
            assert [each.unusable is None for each in listed] == [not self.sealed] * 2

    async def test_an_open_session_is_given_with_its_credential_to_whoever_ends_it(self, ledger: Ledger) -> None:
        await open_(ledger, session(1))
        id_ = session(1).session_id
        found = await ledger.open_by(id_, "l")
        assert isinstance(found, OpenSession)
        assert (found.credential, found.origin) == (request(1).credential, ORIGIN)
        await ledger.begin_opening(opening(session(2)))
        for other in ((id_, "another"), (session(2).session_id, "l"), (session(3).session_id, "l")):
            assert await ledger.open_by(*other) is None
        await untried(ledger, request(1, login="l"), origin=ORIGIN, drivers=DRIVERS)
        assert await ledger.open_by(id_, "l") is None
