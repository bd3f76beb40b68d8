"""Work in the background while another replica ends its session."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web

from connector.api.session_of_request import session as session_of
from connector.model.sessions import Reason
from connector.sessions import last_calls
from connector.sessions.session import Session
from connector.workers.overdue import Overdue
from tests.fleet.replicas import Fleet, eventually

LONG_AGO = 10_000
"""Ticks: longer than any session may be unused."""


class Exporting:
    """Begins work, which asks the end system when it is cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.heard: list[int] = []

    async def begin(self, request: web.Request) -> web.Response:
        await session_of(request).background(self.work)
        return web.json_response({})

    async def work(self, session: Session) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            async with session.http.get("/me", raise_for_status=False) as answer:
                self.heard.append(answer.status)


@pytest.fixture
def exporting() -> Exporting:
    return Exporting()


@pytest.fixture
def fleet(fleet: Fleet, exporting: Exporting, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """Replicas that begin work. Who reaps asks often whether the others have looked."""
    monkeypatch.setattr(last_calls, "ASK_EVERY", 0.02)
    return replace(fleet, routes=[web.post("/export", exporting.begin)])


async def test_a_cleanup_at_another_replica_ends_the_work(fleet: Fleet, session: str, exporting: Exporting) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        await one.opshub.call("/export", headers, "POST")
        await exporting.begun.wait()
        await other.cleanup(session, headers)
        await eventually(lambda: bool(exporting.heard))

    assert not fleet.desk.alive


async def test_a_reaper_at_another_replica_logs_out_after_the_work(fleet: Fleet, session: str, exporting: Exporting) -> None:
    async with fleet.replicas() as (one, other):
        headers = await one.opened(session)
        await one.opshub.call("/export", headers, "POST")
        await exporting.begun.wait()
        assert await one.live.write_notes()
        (idle,) = await other.ledger.idle(unused_since=LONG_AGO, opened_since=None, unanswered_since=None, limit=2)
        reaped = await other.parts.reaper.reap_one(Overdue(idle, Reason.IDLE), lambda _: False)

    assert reaped
    assert exporting.heard == [200], "the login was alive until the work had ended"
    assert not fleet.desk.alive
