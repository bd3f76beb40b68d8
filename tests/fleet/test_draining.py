"""A replica that is scaled away: the others of its ledger take over what it owes, and go on with its sessions."""

import asyncio
from contextlib import AsyncExitStack
from http import HTTPStatus

from tests.cli.command import connector
from tests.e2e.connector_process import WITHIN
from tests.fleet.replicas import Fleet
from tests.sessions.served import KEYS

NOTHING = {"under_way": 0, "sessions": 0, "owed": 0, "evictions": 0, "unrecorded": 0, "waiting": 0, "unknown": 0}


async def test_what_a_drained_replica_owes_is_handed_over_and_done_by_another(fleet: Fleet, session: str) -> None:
    async with fleet.replica("other") as other, AsyncExitStack() as life:
        one = await life.enter_async_context(fleet.replica("one"))
        headers = await one.opened(session)
        fleet.desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        assert (await one.cleanup(session, headers)).body["logout"]["outcome"] == "pending"
        ended = await connector("drain", "--timeout", "10s", "--json", folder=fleet.folder / "one", environ=KEYS)
        ready = (await one.opshub.ready()).body["status"], (await other.opshub.ready()).body["status"]
        await life.aclose()
        owed = await other.owed()
        fleet.desk.status = HTTPStatus.OK
        await asyncio.wait_for(fleet.desk.ended.get(), WITHIN)

    assert (ended.exit_code, ended.json, ready) == (0, NOTHING, ("draining", "ready"))
    assert owed == [session]
    assert not fleet.desk.alive


async def test_the_last_replica_hands_nothing_over_and_says_what_is_left(fleet: Fleet, session: str) -> None:
    async with fleet.replica("one") as one:
        await one.opened(session)
        open_ = await connector("drain", "--timeout", "1s", "--json", folder=fleet.folder / "one", environ=KEYS)
        fleet.desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        owed = await connector(
            "drain", "--close-sessions", "--timeout", "5s", "--json", folder=fleet.folder / "one", environ=KEYS
        )
        fleet.desk.status = HTTPStatus.OK
        emptied = await connector("drain", "--timeout", "60s", "--json", folder=fleet.folder / "one", environ=KEYS)

    assert (open_.exit_code, open_.json) == (75, {**NOTHING, "sessions": 1})
    assert (owed.exit_code, owed.json) == (75, {**NOTHING, "owed": 1})
    assert (emptied.exit_code, emptied.json) == (0, NOTHING)
    assert not fleet.desk.alive


async def test_what_a_replica_has_handed_over_is_its_own_again_once_it_is_the_last(fleet: Fleet, session: str) -> None:
    async with fleet.replica("one") as one, AsyncExitStack() as life:
        await life.enter_async_context(fleet.replica("other"))
        headers = await one.opened(session)
        fleet.desk.status = HTTPStatus.SERVICE_UNAVAILABLE
        assert (await one.cleanup(session, headers)).body["logout"]["outcome"] == "pending"
        handed_over = await connector("drain", "--timeout", "10s", "--json", folder=fleet.folder / "one", environ=KEYS)
        await life.aclose()
        fleet.desk.status = HTTPStatus.OK
        emptied = await connector("drain", "--timeout", "10s", "--json", folder=fleet.folder / "one", environ=KEYS)

    assert (handed_over.exit_code, handed_over.json) == (0, NOTHING)
    assert (emptied.exit_code, emptied.json) == (0, NOTHING)
    assert not fleet.desk.alive


async def test_sessions_that_other_replicas_serve_are_not_ended_with_one_of_them(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        refused = await connector("drain", "--close-sessions", folder=fleet.folder / "replica-0", environ=KEYS)
        still_ready = (await one.opshub.ready()).status
        drained = await connector("drain", "--json", folder=fleet.folder / "replica-0", environ=KEYS)
        status = await other.status(headers)

    assert (refused.exit_code, "the ledger is shared" in refused.err, still_ready) == (1, True, 200)
    assert (drained.exit_code, drained.json, status) == (0, NOTHING, 200)
