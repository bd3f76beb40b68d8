"""When a session counts as used: from the beginning of a call until its end, however long that takes."""

import asyncio
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from aiohttp import web
from structlog.testing import capture_logs

from connector.api.session_of_request import session as session_of
from connector.ledger.sqlite.store import SqliteLedger
from connector.model.sessions import Use
from connector.sessions.live import LiveSessions
from connector.sessions.seal import Sealed
from tests.ledger.ledgers import GRACE, KEYS, WITHIN, SetClock, open_
from tests.ledger.ledgers import session as in_ledger
from tests.sessions.desk import Desk
from tests.sessions.served import served
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


def noted(folder: Path) -> float:
    """When the one session that is open was used last, as the ledger's file has it."""
    with closing(sqlite3.connect(folder / "ledger.sqlite3")) as file:
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
            assert noted(tmp_path) == clock.now
        clock.now += 1_000
        handler.may_end.set()
        assert (await call).status == 200
        at_its_end = clock.now
        clock.now += 1_000
        assert await server.parts.live.write_notes()
        assert noted(tmp_path) == at_its_end


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
        assert noted(tmp_path) == opened_at


class BusyLedger(SqliteLedger):
    """A real ledger during whose every record of use somebody uses a session again."""

    use_again: Callable[[], None]

    async def note_use(self, used: Mapping[str, Use]) -> None:
        await super().note_use(used)
        self.use_again()


async def test_writing_notes_ends_and_what_is_used_meanwhile_is_noted_the_next_time(tmp_path: Path) -> None:
    ledger = BusyLedger(tmp_path / "ledger.sqlite3", KEYS, grace=GRACE)
    async with ledger.opened(), asyncio.timeout(WITHIN):
        await open_(ledger, in_ledger(1))
        clock = SetClock()
        live = LiveSessions(ledger, clock)
        await live.load()

        def use() -> None:
            clock.now += 1
            live.note_use(Sealed(in_ledger(1).session_id, "A", in_ledger(1).login_id, b"", None))

        ledger.use_again = use
        use()
        for _ in range(2):
            last = clock.now
            assert await live.write_notes()
            assert noted(tmp_path) == last


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
        assert noted(tmp_path) == clock.now

    assert [line["event"] for line in logged] == [
        "the ledger cannot record the use of sessions; it is tried again until it can",
        "the use of sessions is recorded again",
    ]
