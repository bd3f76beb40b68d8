"""A session that is initialised on one replica, used on another and cleaned up on a third: there is one truth about it."""

from tests.fleet.gates import counted
from tests.fleet.replicas import Fleet

DEAD = 401


async def test_a_session_is_used_and_cleaned_up_on_other_replicas_than_its_own(fleet: Fleet, session: str) -> None:
    async with fleet.replicas(3) as (one, other, third):
        headers = await one.opened(session)
        before = [await each.status(headers) for each in (one, other, third)]
        answer = await third.cleanup(session, headers)
        after = [await each.status(headers) for each in (one, other, third)]

    assert (before, answer.status, after) == ([200] * 3, 200, [DEAD] * 3)
    assert not fleet.desk.alive


async def test_while_a_sessions_stamp_is_the_same_the_ledger_is_asked_once(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        with counted(other.ledger, "open_by") as asked:
            statuses = [await other.status(headers) for _ in range(5)]

    assert (statuses, len(asked)) == ([200] * 5, 1)


async def test_an_old_seal_is_dead_everywhere_once_the_session_is_opened_anew_elsewhere(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        old = await one.opened(session)
        assert await one.status(old) == await other.status(old) == 200
        new = await other.opened(session)
        statuses = [(await each.status(old), await each.status(new)) for each in (one, other)]

    assert statuses == [(DEAD, 200)] * 2
