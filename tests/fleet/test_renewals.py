"""Logins that one replica renews and others use or end: each uses the newest credential, and no refresh token is spent twice."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest
from aiohttp import web

from connector import session as session_of
from connector.sessions import live, renewals
from tests.fleet.gates import PATIENCE, counted, gate_before
from tests.fleet.replicas import ROUTES, Fleet, Replica, eventually
from tests.sessions.expiring import Expiring
from tests.sessions.turnstile import Turnstile


@pytest.fixture
async def expiring() -> AsyncIterator[Expiring]:
    async with Expiring() as system:
        yield system


@pytest.fixture
def renewing(fleet: Fleet, expiring: Expiring) -> Fleet:
    return replace(fleet, served=expiring)


async def works(replica: Replica, headers: dict[str, str]) -> bool:
    """Tell whether the end system takes the login of a session."""
    return bool((await replica.opshub.call("/me", headers)).body["alive"])


async def test_a_login_that_was_renewed_elsewhere_is_used_as_it_is_now(renewing: Fleet, expiring: Expiring, session: str) -> None:
    async with renewing.replicas() as (one, other):
        headers = await one.opened(session)
        assert await works(other, headers)
        expiring.expire()
        assert await works(one, headers)
        await other.live.look()
        with counted(other.ledger, "claim_refresh") as asked:
            assert await works(other, headers)

    assert (expiring.refreshes, asked) == (1, [])


async def test_a_replica_that_does_not_know_of_a_renewal_yet_spends_no_second_token(
    renewing: Fleet, expiring: Expiring, session: str
) -> None:
    async with renewing.replicas() as (one, other):
        headers = await one.opened(session)
        with gate_before(other.live, "look"):
            assert await works(other, headers)
            expiring.expire()
            assert await works(one, headers)
            assert await works(other, headers)

    assert expiring.refreshes == 1


async def test_a_cleanup_elsewhere_ends_what_a_renewal_has_made(renewing: Fleet, expiring: Expiring, session: str) -> None:
    async with renewing.replicas() as (one, other):
        headers = await one.opened(session)
        await works(other, headers)
        expiring.expire()
        await works(one, headers)
        newest = [*expiring.refresh.values()]
        answer = await other.cleanup(session, headers)

    assert (answer.body["logout"]["outcome"], expiring.ended, expiring.refresh) == ("acknowledged", newest, {})


async def test_a_cleanup_while_another_replica_renews_the_login_ends_what_that_makes(
    renewing: Fleet, expiring: Expiring, session: str
) -> None:
    async with renewing.replicas() as (one, other):
        headers = await one.opened(session)
        expiring.expire()
        with gate_before(one.ledger, "renew") as recording:
            call = asyncio.create_task(works(one, headers))
            await recording.met()
            answer = await other.cleanup(session, headers)
            recording.open()
            await call
        newest = [*expiring.refresh.values()]
        await eventually(lambda: not expiring.refresh)

    told = answer.body["logout"]
    assert (answer.status, told["outcome"], told["code"]) == (200, "pending", "in_hand_elsewhere")
    assert expiring.ended == newest


async def test_a_cleanup_waits_for_no_call_that_waits_for_a_renewal_elsewhere(
    renewing: Fleet, expiring: Expiring, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (live, renewals):
        monkeypatch.setattr(module, "DEADLINE", 10 * PATIENCE)
    async with renewing.replicas() as (one, other), asyncio.timeout(PATIENCE), asyncio.TaskGroup() as calls:
        headers = await one.opened(session)
        expiring.expire()
        expiring.answering.clear()
        calls.create_task(works(one, headers))
        await expiring.refreshing.wait()
        with counted(other.ledger, "claim_refresh") as asked:
            calls.create_task(works(other, headers))
            await eventually(partial(bool, asked))
            answer = await other.cleanup(session, headers)
        expiring.answering.set()
        await eventually(lambda: not expiring.refresh)

    assert (answer.status, answer.body["logout"]["code"], expiring.refreshes) == (200, "in_hand_elsewhere", 1)


async def test_a_login_that_each_replica_renews_in_its_turn_keeps_nobody_waiting(
    renewing: Fleet, expiring: Expiring, session: str
) -> None:
    async with renewing.replicas() as replicas:
        headers = await replicas[0].opened(session)
        for replica in (*replicas, *replicas):
            await replica.live.look()
            expiring.expire()
            assert await works(replica, headers)
            with counted(replica.ledger, "claim_due") as looks:
                replica.parts.retries.nudge()
                await eventually(partial(bool, looks))
        answer = await replicas[0].cleanup(session, headers)

    assert (expiring.refreshes, answer.body["logout"]["outcome"]) == (4, "acknowledged")


async def ask(request: web.Request) -> web.Response:
    """Ask the end system at a path of its own."""
    async with session_of(request).http.get(request.query["path"]) as answer:
        return web.json_response(await answer.json())


async def test_of_two_renewals_at_once_on_two_replicas_the_first_that_is_durable_stays(fleet: Fleet, session: str) -> None:
    async with Turnstile() as turnstile:
        turnstile.is_lenient = True
        asking = replace(fleet, served=turnstile, routes=(*ROUTES, web.get("/ask", ask)))
        async with asking.replicas() as (one, other), asyncio.TaskGroup() as calls:
            headers = await one.opened(session)
            late = calls.create_task(one.opshub.call("/ask?path=late", headers))
            assert await turnstile.calls.get() == "/late"
            await other.opshub.call("/ask?path=next", headers)
            turnstile.answering.set()
            await late
            answer = await one.cleanup(session, headers)

        assert (answer.body["logout"]["outcome"], turnstile.tickets) == ("acknowledged", {})
