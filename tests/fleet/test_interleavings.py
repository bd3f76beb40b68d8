"""What each rule of the fleet forbids: the steps of two replicas in the one order that would break it."""

import asyncio
from dataclasses import replace
from http import HTTPStatus
from uuid import uuid4

import pytest

from connector.ledger.testing import MemoryLedger, MemoryStore
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.outcomes import NOTHING_TO_END
from tests.fleet.gates import answers_lost, away, gate_after, gate_before
from tests.fleet.replicas import Fleet, eventually

DEAD = 401


async def test_an_answer_from_before_a_cleanup_elsewhere_does_not_keep_the_seal_alive(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        with gate_before(other.live, "look"), gate_after(other.ledger, "open_by") as asked:
            call = asyncio.create_task(other.status(headers))
            await asked.met()
            cleaned = await one.cleanup(session, headers)
            asked.open()
            await call
            statuses = [await other.status(headers) for _ in range(2)]

    assert (cleaned.status, statuses) == (200, [DEAD, DEAD])


async def test_who_asks_just_before_an_end_is_durable_keeps_no_seal_alive(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        with gate_before(other.live, "look"), gate_before(one.ledger, "record") as ends:
            cleaning = asyncio.create_task(one.cleanup(session, headers))
            await ends.met()
            before = await other.status(headers)
            ends.open()
            cleaned = await cleaning
            statuses = [await other.status(headers) for _ in range(2)]

    assert (before, cleaned.status, statuses) == (200, 200, [DEAD, DEAD])


async def test_who_was_let_in_before_an_end_is_durable_does_not_hold_up_later_calls(fleet: Fleet, session: str) -> None:
    """It has the session remembered as open once more, while its end is on its way. The next cleanup names no login."""
    async with fleet.replicas(1) as (one,):
        headers = await one.opened(session)
        with gate_before(one.live, "look"), gate_before(one.ledger, "record") as ends, gate_after(one.ledger, "open_by") as asked:
            cleaning = asyncio.create_task(one.cleanup(session, headers))
            await ends.met()
            call = asyncio.create_task(one.status(headers))
            await asked.met()
            before = await one.status(headers)
            ends.open()
            cleaned = [await cleaning, await one.cleanup(session)]
            asked.open()
            after = await call

    assert (before, [each.status for each in cleaned], after) == (200, [200, 200], DEAD)


async def test_once_one_replica_has_answered_401_no_other_one_serves_the_seal(fleet: Fleet, session: str) -> None:
    async with fleet.replicas(3) as (one, other, third):
        headers = await one.opened(session)
        before = await third.status(headers)
        with gate_before(third.live, "look"), gate_after(one.ledger, "record") as recorded:
            cleaning = asyncio.create_task(one.cleanup(session, headers))
            await recorded.met()
            statuses = [await each.status(headers) for each in (other, third)]
            recorded.open()
            await cleaning

    assert (before, statuses) == (200, [DEAD, DEAD])


async def test_once_one_replica_has_answered_401_to_a_replaced_seal_no_other_one_serves_it(fleet: Fleet, session: str) -> None:
    """What has replaced it owes the eviction still, in a row that owes no logout."""
    async with fleet.replicas(3) as (one, other, third):
        headers = await one.opened(session)
        before = await third.status(headers)
        with gate_before(third.live, "look"), gate_after(one.ledger, "open_session") as recorded:
            opening = one.begin_to_open(session)
            await recorded.met()
            statuses = [await each.status(headers) for each in (other, third)]
            recorded.open()
            again = await opening

    assert (before, statuses, again.status) == (200, [DEAD, DEAD], 200)


async def test_a_cleanup_here_kills_a_call_that_is_still_being_admitted(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        with gate_after(other.ledger, "open_by") as asked:
            call = asyncio.create_task(other.status(headers))
            await asked.met()
            await other.cleanup(session, headers)
            asked.open()
            status = await call

    assert status == DEAD


async def test_a_look_that_finds_the_old_login_over_kills_no_call_of_the_new_one(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        await other.status(await one.opened(session))
        with gate_before(other.live, "look"):
            new = await one.opened(session)
            with gate_after(other.ledger, "open_by") as asked:
                call = asyncio.create_task(other.status(new))
                await asked.met()
                await type(other.live).look(other.live)
                asked.open()
                status = await call

    assert status == 200


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


async def test_a_call_of_a_remembered_session_is_401_at_once_if_a_cleanup_comes_meanwhile(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers, second = await one.opened(session), str(uuid4())
        await other.status(headers)
        await one.opshub.cleanup(second, await one.opened(second), {"systemId": "A", "cleanupGlobalCache": "true"})
        with gate_after(other.ledger, "open_by") as asked:
            call = asyncio.create_task(other.status(headers))
            await asked.met()
            await other.cleanup(session, headers)
            asked.open()
            status = await call

    assert status == DEAD


async def test_two_initializes_on_two_replicas_make_no_two_logins_where_one_is_allowed(fleet: Fleet, session: str) -> None:
    one_at_a_time = replace(fleet, end_system='replace = "before"\n')
    async with one_at_a_time.replicas() as (one, other):
        with (
            gate_before(one.ledger, "begin_opening") as to_begin_here,  # both have found no login of the other
            gate_before(other.ledger, "begin_opening") as to_begin_there,
            gate_after(one.ledger, "begin_opening") as begun_here,
            gate_after(other.ledger, "begin_opening") as begun_there,
        ):
            running = [each.begin_to_open(session) for each in (one, other)]
            for gates in ((to_begin_here, to_begin_there), (begun_here, begun_there)):
                for gate in gates:
                    await gate.met()
                for gate in gates:
                    gate.open()
            answers = [await each for each in running]

    assert 503 in [each.status for each in answers]
    assert fleet.desk.logins == len(fleet.desk.alive) == sum(each.status == 200 for each in answers)


async def test_one_login_at_a_time_ends_that_of_another_replica_first(fleet: Fleet, session: str) -> None:
    fleet.desk.is_single = True
    one_at_a_time = replace(fleet, end_system='replace = "before"\n')
    async with one_at_a_time.replicas() as (one, other):
        old = await one.opened(session)
        new = await other.opened(session)
        statuses = [(await each.status(old), await each.status(new)) for each in (one, other)]

    assert statuses == [(DEAD, 200)] * 2


async def test_an_earlier_login_whose_logout_has_failed_is_ended_by_who_needs_that(fleet: Fleet, session: str) -> None:
    fleet.desk.is_single = True
    one_at_a_time = replace(fleet, end_system='replace = "before"\n')
    async with one_at_a_time.replicas() as (one, other):
        headers = await one.opened(session)
        fleet.desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        cleaned = await one.cleanup(session, headers)
        refused = [(await each.initialize(session)).status for each in (one, other)]
        fleet.desk.status = HTTPStatus.OK
        await other.opened(session)

    assert (cleaned.body["logout"]["outcome"], refused) == ("pending", [503, 503])


@pytest.mark.parametrize("kept_in", ["memory"])
async def test_what_a_replica_owes_that_is_gone_another_one_evicts(fleet: Fleet, store: MemoryStore, session: str) -> None:
    whole_system = CleanupRequest(str(uuid4()), "A", global_cache=True, credential=Credential(), foregone=NOTHING_TO_END)
    async with fleet.replica("one") as one:
        headers = await one.opened(session)
        await one.remember(headers, "before", "/system")
        gone = MemoryLedger(store, grace=0)
        async with gone.opened():
            await gone.record(whole_system, origin="", drivers=["shared"])
        before = await one.recall(headers, "/system")
        await one.parts.owed_evictions.do_overdue(one.parts.storage.authority)
        after = await one.recall(headers, "/system")
        owed = await one.ledger.owed_evictions("shared")

    assert (before, after, owed) == ("before", None, [])
