"""A session that is initialised on one replica, used on another and cleaned up on a third: there is one truth about it."""

from dataclasses import replace
from uuid import uuid4

from connector.ledger.testing import MemoryLedger, MemoryStore
from tests.drivers.stores import fresh_namespace
from tests.fleet.gates import counted, gate_after
from tests.fleet.replicas import Fleet, eventually

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


async def test_a_second_initialize_elsewhere_without_the_old_seal_ends_the_old_login(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        old = await one.opened(session)
        assert await one.remember(old, "of the old login")
        new = await other.opened(session)
        found = [await each.recall(new) for each in (one, other)]
        statuses = [(await each.status(old), await each.status(new)) for each in (one, other)]
        await eventually(lambda: len(fleet.desk.alive) == 1)

    assert (found, statuses) == ([None, None], [(DEAD, 200)] * 2)


async def test_an_old_seal_reads_nothing_of_the_new_login_and_does_not_harm_it(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        old = await one.opened(session)
        assert await other.remember(old, "of the old login")
        new = await other.opened(session, old)
        for base in ("", "/system"):
            assert await other.remember(new, "of the new login", base)
        statuses = [(await each.opshub.call(f"{base}/recall", old)).status for each in (one, other) for base in ("", "/system")]
        found = [await each.recall(new) for each in (one, other)]

    assert (statuses, found) == ([DEAD] * 4, ["of the new login"] * 2)


async def test_every_login_that_is_replaced_elsewhere_is_ended(fleet: Fleet) -> None:
    sessions = [str(uuid4()) for _ in range(20)]
    async with fleet.replicas() as (one, other):
        for session in sessions:
            await one.opened(session)
        for session in sessions:
            await other.cleanup(session, await other.opened(session))
        await eventually(lambda: not fleet.desk.alive)


async def test_sessions_that_are_cleaned_up_elsewhere_leave_no_row_and_no_memory(fleet: Fleet) -> None:
    sessions = [str(uuid4()) for _ in range(10)]
    async with fleet.replicas() as (one, other):
        headers = {session: await one.opened(session) for session in sessions}
        for session in sessions:
            await other.cleanup(session, headers[session])
        await one.live.look()
        known = await one.ledger.known_sessions()
        left = len(one.live)

    assert (known.logins, known.older_keys, left) == ({}, {}, 0)


async def test_a_cleanup_by_an_old_seal_ends_the_login_that_another_replica_has_made(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        old = await one.opened(session)
        new = await other.opened(session)
        answer = await one.cleanup(session, old)
        statuses = [await each.status(new) for each in (one, other)]
        assert (answer.status, statuses) == (200, [DEAD] * 2)
        await eventually(lambda: not fleet.desk.alive)


async def test_a_seal_of_a_ledger_that_was_not_adopted_is_a_503_and_its_cleanup_is_done(fleet: Fleet, session: str) -> None:
    before = replace(fleet, namespace=fresh_namespace(), make_ledger=lambda *_: MemoryLedger(MemoryStore()))
    async with before.replica("before") as former:
        headers = await former.opened(session)
    async with fleet.replicas() as (one, other):
        statuses = [await each.status(headers) for each in (one, other)]
        cleaned = await other.cleanup(session, headers)

    assert (statuses, cleaned.status) == ([503, 503], 200)
    assert not fleet.desk.alive


async def test_without_its_seal_nobody_cleans_up_what_another_replica_has_opened(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        answers = [(await each.cleanup(session)).status for each in (one, other)]
        status = await other.status(headers)

    assert (answers, status) == ([404, 404], 200)


async def test_a_cleanup_overtakes_an_initialize_that_runs_on_another_replica(fleet: Fleet, session: str) -> None:
    fleet.desk.answering.clear()
    async with fleet.replicas() as (one, other):
        with gate_after(one.ledger, "begin_opening") as begun:
            running = one.begin_to_open(session)
            await begun.met()
            begun.open()
        await fleet.desk.logging_in.get()
        cleaned = await other.cleanup(session)
        fleet.desk.answering.set()
        answer = await running
        await eventually(lambda: not fleet.desk.alive)

    assert (cleaned.status, answer.status) == (200, 409)
