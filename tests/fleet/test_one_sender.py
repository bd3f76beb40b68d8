"""A logout that one replica tries, another one does not send: one of them asks the end system, and the others know."""

import asyncio
from http import HTTPStatus

import pytest

from connector.ledger.testing import MemoryStore
from tests.fleet.gates import gate_before
from tests.fleet.replicas import Fleet, eventually


async def test_a_duplicate_on_another_replica_sends_nothing_and_says_that_one_logs_out(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        fleet.desk.ending.clear()
        first = asyncio.create_task(one.cleanup(session, headers))
        await fleet.desk.logging_out.get()
        duplicate = await other.cleanup(session, headers)
        fleet.desk.ending.set()
        answer = await first

    assert (answer.status, answer.body["logout"]["outcome"]) == (200, "acknowledged")
    told = duplicate.body["logout"]
    assert (duplicate.status, told["outcome"], told["code"], told["attempts"]) == (200, "pending", "in_hand_elsewhere", 0)
    assert sum(fleet.desk.logouts.values()) == 1


async def test_duplicates_on_all_replicas_at_once_are_one_logout(fleet: Fleet, session: str) -> None:
    async with fleet.replicas(3) as replicas:
        headers = await replicas[0].opened(session)
        fleet.desk.ending.clear()
        cleanups = [asyncio.create_task(each.cleanup(session, headers)) for each in replicas for _ in range(5)]
        await fleet.desk.logging_out.get()
        await asyncio.wait(cleanups, return_when=asyncio.FIRST_COMPLETED)  # by one that has sent nothing
        fleet.desk.ending.set()
        answers = [await each for each in cleanups]
        await eventually(lambda: not fleet.desk.alive)

    assert {answer.status for answer in answers} == {200}
    assert sum(fleet.desk.logouts.values()) == 1


async def test_a_logout_that_failed_is_tried_again_at_once_if_a_duplicate_came_elsewhere(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        fleet.desk.ending.clear()
        fleet.desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        first = asyncio.create_task(one.cleanup(session, headers))
        await fleet.desk.logging_out.get()
        await other.cleanup(session, headers)
        fleet.desk.ending.set()
        answer = await first
        fleet.desk.status = HTTPStatus.OK
        await eventually(lambda: not fleet.desk.alive)

    assert answer.body["logout"]["outcome"] == "pending"


async def test_a_logout_that_one_replica_retries_another_one_does_not_send(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        fleet.desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        await one.cleanup(session, headers)
        await fleet.desk.logging_out.get()
        fleet.desk.status = HTTPStatus.OK
        fleet.desk.ending.clear()
        (owed,) = await one.ledger.listing()
        await one.ledger.make_due(owed.id)
        await fleet.desk.logging_out.get()
        duplicates = [asyncio.create_task(each.cleanup(session, headers)) for each in (one, other)]
        done, _ = await asyncio.wait(duplicates, return_when=asyncio.FIRST_COMPLETED)
        fleet.desk.ending.set()
        outcomes = {(await each).body["logout"]["outcome"] for each in duplicates}

    assert ({each.result().body["logout"]["code"] for each in done}, outcomes) == (
        {"in_hand_elsewhere"},
        {"pending", "acknowledged"},
    )
    assert sum(fleet.desk.logouts.values()) == 2


@pytest.mark.parametrize("kept_in", ["memory"])
async def test_a_replica_that_was_taken_for_gone_before_it_sent_sends_nothing(
    fleet: Fleet, store: MemoryStore, session: str
) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        with gate_before(one.ledger, "may_send") as sending:
            first = asyncio.create_task(one.cleanup(session, headers))
            await sending.met()
            store.is_gone(one.ledger)
            other.parts.retries.nudge()
            await eventually(lambda: not fleet.desk.alive)
            sending.open()
            answer = await first
        owed = await other.owed()

    assert (answer.status, answer.body["logout"]["code"]) == (200, "in_hand_elsewhere")
    assert (sum(fleet.desk.logouts.values()), owed) == (1, [])


@pytest.mark.parametrize("kept_in", ["memory"])
async def test_a_logout_is_not_sent_if_its_credential_was_handed_out_once_more_meanwhile(fleet: Fleet, session: str) -> None:
    fleet.desk.only_token = "the-one-token"
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        with gate_before(one.ledger, "may_send") as sending:
            cleaning = asyncio.create_task(one.cleanup(session, headers))
            await sending.met()
            again = await other.opened(session)
            sending.open()
            await cleaning
        status = await other.status(again)

    assert (status, fleet.desk.alive, sum(fleet.desk.logouts.values())) == (200, {"the-one-token"}, 0)
