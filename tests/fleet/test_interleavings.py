"""What each rule of the fleet forbids: the steps of two replicas in the one order that would break it."""

import asyncio

from tests.fleet.gates import answers_lost, away, gate_after, gate_before
from tests.fleet.replicas import Fleet, eventually

DEAD = 401


async def test_an_answer_from_before_a_cleanup_elsewhere_does_not_keep_the_seal_alive(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        with gate_before(other.live, "look"), gate_after(other.ledger, "open_by") as asked:
            call = asyncio.create_task(other.status(headers))
            await asked.reached.wait()
            cleaned = await one.cleanup(session, headers)
            asked.open()
            await call
            statuses = [await other.status(headers) for _ in range(2)]

    assert (cleaned.status, statuses) == (200, [DEAD, DEAD])


async def test_a_cleanup_here_kills_a_call_that_is_still_being_admitted(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        with gate_after(other.ledger, "open_by") as asked:
            call = asyncio.create_task(other.status(headers))
            await asked.reached.wait()
            await other.cleanup(session, headers)
            asked.open()
            status = await call

    assert status == DEAD


async def test_a_cleanup_that_is_recorded_late_evicts_once_more(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        with gate_before(other.live, "look"):
            with away(one.ledger):
                cleaned = await one.cleanup(session, headers)
                meanwhile = await other.status(headers)
            await one.caught_up()
            await eventually(lambda: one.parts.storage.trusted)
            afterwards = await other.status(headers)

    assert (cleaned.status, meanwhile, afterwards) == (503, 200, DEAD)


async def test_an_initialize_whose_record_has_no_answer_evicts_for_what_it_has_replaced(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        assert await other.status(headers) == 200
        with gate_before(other.live, "look"):
            with answers_lost(one.ledger, "open_session"):
                answer = await one.initialize(session)
            await eventually(lambda: not fleet.desk.alive)
            await eventually(lambda: one.parts.storage.trusted)
            status = await other.status(headers)

    assert (answer.status, status) == (503, DEAD)
