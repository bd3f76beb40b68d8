"""Logins that one replica renews and others use or end: each uses the newest credential, and no refresh token is spent twice."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from aiohttp import web

from connector import session as session_of
from tests.fleet.gates import counted, gate_before
from tests.fleet.replicas import ROUTES, Fleet, Replica
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
