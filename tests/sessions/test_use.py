"""When a session counts as used: from the beginning of a call until its end, however long that takes."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from aiohttp import web
from structlog.testing import capture_logs

from connector.api.session_of_request import session as session_of
from tests.ledger.ledgers import SetClock
from tests.sessions.desk import Desk
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import opened


class Waiter:
    """A handler that holds each call until a test lets it go on."""

    def __init__(self) -> None:
        self.serving = asyncio.Event()
        self.may_end = asyncio.Event()
        self.routes = [web.get("/held", self.held)]

    async def held(self, request: web.Request) -> web.Response:
        self.serving.set()
        await self.may_end.wait()
        return web.json_response(session_of(request).session_id)


def noted(server: Served) -> float:
    """When the one session that is open was used last, as the ledger's file has it."""
    with closing(sqlite3.connect(server.folder / "ledger.sqlite3")) as file:
        ((used_at,),) = file.execute("SELECT used_at FROM sessions")
    return float(used_at)


async def test_a_call_that_runs_is_use_at_each_batch_of_notes_and_at_its_end(desk: Desk, session: str, tmp_path: Path) -> None:
    clock, handler = SetClock(), Waiter()
    async with served(tmp_path, desk.section, routes=handler.routes, clock=clock) as server, asyncio.TaskGroup() as calls:
        headers = await opened(server, session)
        call = calls.create_task(server.opshub.call("/held", headers))
        await handler.serving.wait()
        for _ in range(3):
            clock.now += 1_000
            assert await server.parts.live.write_notes()
            assert noted(server) == clock.now
        clock.now += 1_000
        handler.may_end.set()
        assert (await call).status == 200
        at_its_end = clock.now
        clock.now += 1_000
        assert await server.parts.live.write_notes()
        assert noted(server) == at_its_end


async def test_a_call_with_the_seal_of_a_login_that_was_replaced_is_no_use(desk: Desk, session: str, tmp_path: Path) -> None:
    clock, handler = SetClock(), Waiter()
    handler.may_end.set()
    async with served(tmp_path, desk.section, routes=handler.routes, clock=clock) as server:
        old = await opened(server, session)
        await opened(server, session)
        opened_at = clock.now
        clock.now += 1_000
        assert (await server.opshub.call("/held", old)).status == 401
        assert await server.parts.live.write_notes()
        assert noted(server) == opened_at


async def test_what_cannot_be_noted_is_told_once_and_noted_later(desk: Desk, session: str, tmp_path: Path) -> None:
    clock, handler = SetClock(), Waiter()
    handler.may_end.set()
    async with served(tmp_path, desk.section, routes=handler.routes, clock=clock) as server:
        headers = await opened(server, session)
        clock.now += 1_000
        await server.opshub.call("/held", headers)
        with capture_logs() as logged:
            (tmp_path / "ledger.sqlite3").rename(tmp_path / "away")
            assert [await server.parts.live.write_notes() for _ in range(3)] == [False] * 3
            (tmp_path / "away").rename(tmp_path / "ledger.sqlite3")
            assert await server.parts.live.write_notes()
        assert noted(server) == clock.now

    assert [line["event"] for line in logged] == [
        "the ledger cannot record the use of sessions; it is tried again until it can",
        "the use of sessions is recorded again",
    ]
