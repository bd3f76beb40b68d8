"""A replica ends the earlier login of a session that is open by a later one, or cannot record an end: what of it goes on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest
from aiohttp import web

from connector.api.session_of_request import session as session_of
from connector.cleanups.orchestrator import Orchestrator
from connector.model.cleanup import CleanupReport
from connector.model.errors import LedgerUnavailable
from connector.model.sessions import OpenSession
from connector.sessions.session import Session
from tests.fleet.gates import Gate, gate_after, gate_before, in_place_of
from tests.fleet.replicas import ROUTES, Fleet, Replica
from tests.sessions.expiring import Expiring

T = TypeVar("T")
AWAY = 503


class Waiting:
    """Work and calls that go on until they are let end."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.was_ended = False

    async def begin(self, request: web.Request) -> web.Response:
        await session_of(request).background(self.work)
        return web.json_response({})

    async def work(self, _: Session) -> None:
        try:
            await self.gate.pass_through()
        except asyncio.CancelledError:
            self.was_ended = True
            raise

    async def stay(self, _: web.Request) -> web.Response:
        await self.gate.pass_through()
        return web.json_response({})


@dataclass(frozen=True, slots=True)
class Two:
    """A session that one replica has opened twice."""

    earlier: OpenSession
    headers: dict[str, str]
    """By which the later login is known."""

    async def end_the_earlier(self, replica: Replica) -> CleanupReport:
        """As when an administrator closes a session that OpsHub opens anew elsewhere just then."""
        served = replica.parts.served
        return await served.orchestrator.cleanup(served.planner.by_record(self.earlier), only_this_login=True)


async def opened_twice(replica: Replica, session: str) -> Two:
    await replica.opened(session)
    earlier = await replica.ledger.open_by(session, replica.live.login_of(session) or "")
    assert earlier is not None
    return Two(earlier, await replica.opened(session))


async def overtaken(replica: Replica, two: Two, call: Awaitable[T]) -> T:
    """Make a call whose question to the ledger is answered just before the earlier login ends at the same replica."""
    with gate_after(replica.ledger, "open_by") as asked:
        calling = asyncio.ensure_future(call)
        await asked.met()
        await two.end_the_earlier(replica)
        asked.open()
        return await calling


async def away(*_: Any, **__: Any) -> Any:
    raise LedgerUnavailable("as the test wants it")


@pytest.fixture
async def expiring() -> AsyncIterator[Expiring]:
    async with Expiring() as system:
        yield system


@pytest.fixture
def waiting() -> Waiting:
    return Waiting()


@pytest.fixture
def fleet(fleet: Fleet, waiting: Waiting) -> Fleet:
    return replace(fleet, routes=[*ROUTES, web.post("/export", waiting.begin), web.get("/stay", waiting.stay)])


async def test_a_call_of_the_later_login_is_served(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        two = await opened_twice(one, session)
        statuses = [await overtaken(other, two, other.status(two.headers)), await other.status(two.headers)]

    assert statuses == [200, 200]


async def test_it_uses_the_credential_as_it_was_renewed(fleet: Fleet, expiring: Expiring, session: str) -> None:
    async with replace(fleet, served=expiring).replicas() as (one, other):
        two = await opened_twice(one, session)
        expiring.expire()
        await one.opshub.call("/me", two.headers)
        answer = await overtaken(other, two, other.opshub.call("/me", two.headers))

    assert (answer.status, answer.body, expiring.refreshes) == (200, {"alive": True}, 1)


async def test_it_is_use_as_long_as_it_runs(fleet: Fleet, waiting: Waiting, session: str) -> None:
    async with fleet.replicas() as (one, other):
        two = await opened_twice(one, session)
        with gate_after(other.ledger, "open_by") as asked:
            call = asyncio.create_task(other.opshub.call("/stay", two.headers))
            await asked.met()
            await two.end_the_earlier(other)
            asked.open()
            await waiting.gate.met()
        await other.live.write_notes()
        uses = [row.calls for row in await one.ledger.session_listing()]
        waiting.gate.open()
        await call

    assert uses == [1]


async def test_work_that_begins_while_the_end_is_recorded_goes_on(fleet: Fleet, waiting: Waiting, session: str) -> None:
    async with fleet.replicas() as (one, other):
        two = await opened_twice(one, session)
        await other.status(two.headers)
        with gate_before(other.live, "look"), gate_before(other.ledger, "record") as ends:
            ending = asyncio.create_task(two.end_the_earlier(other))
            await ends.met()
            await other.opshub.call("/export", two.headers, "POST")
            await waiting.gate.met()
            ends.open()
            await ending
            status, was_ended = await other.status(two.headers), waiting.was_ended

    assert (status, was_ended) == (200, False)


async def test_an_end_that_is_recorded_late_leaves_the_later_login_open(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        two = await opened_twice(one, session)
        await other.status(two.headers)
        with in_place_of(other.ledger, "record", away):
            await two.end_the_earlier(other)
        await other.caught_up()
        statuses = [await each.status(two.headers) for each in (one, other)]

    assert statuses == [200, 200]


async def test_a_call_that_is_let_in_during_a_cleanup_that_is_not_recorded_is_to_come_back(fleet: Fleet, session: str) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        with (
            gate_before(other.live, "look"),
            in_place_of(other.ledger, "record", away),
            in_place_of(other.ledger, "record_late", away),
            gate_after(other.ledger, "open_by") as asked,
        ):
            call = asyncio.create_task(other.status(headers))
            await asked.met()
            cleaned = await other.cleanup(session, headers)
            asked.open()
            statuses = [await call, await other.status(headers)]

    assert (cleaned.status, statuses) == (AWAY, [AWAY, AWAY])


async def test_a_call_during_a_cleanup_that_is_not_recorded_keeps_nothing_alive(
    fleet: Fleet, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, real = Gate(), Orchestrator._take_steps

    async def late(*arguments: Any, **named: Any) -> CleanupReport:
        report = await real(*arguments, **named)
        await gate.pass_through()
        return report

    monkeypatch.setattr(Orchestrator, "_take_steps", late)
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        with gate_before(other.live, "look"), in_place_of(other.ledger, "record_late", away):
            with in_place_of(other.ledger, "record", away):
                cleaning = asyncio.create_task(other.cleanup(session, headers))
                await gate.met()
                during = await other.status(headers)
                gate.open()
                cleaned = await cleaning
            after = await other.status(headers)

    assert (during, cleaned.status, after) == (200, AWAY, AWAY)
