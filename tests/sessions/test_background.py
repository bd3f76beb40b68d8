"""Work in the background: it goes on after the answer, and ends before its session's login does."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from connector.api.session_of_request import session as session_of
from connector.cleanups.hooks import Hooks
from connector.sessions import background
from connector.sessions.session import Session
from tests.ledger.ledgers import until
from tests.sessions.desk import Desk
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import SYSTEM, opened

IDLE = "[sessions]\nidle_timeout = 60\n"
HANGING = "work in the background does not end when it is cancelled; its session is logged out all the same"
FAILED = "work in the background has failed, and its session goes on; see the traceback"


class Office:
    """Routes that begin work, and what became of it."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.ended = asyncio.Event()
        self.heard: list[int] = []
        """What the end system has answered the work."""
        self.hold = asyncio.Event()
        """The handler of `/held` goes on once this is set."""
        self.held = asyncio.Event()
        self.routes = [
            web.post(path, each)
            for path, each in {
                "/export": self.export,
                "/stubborn": self.stubborn,
                "/failing": self.failing,
                "/held": self.held_back,
                "/mistaken": self.mistaken,
            }.items()
        ]

    async def export(self, request: web.Request) -> web.Response:
        await session_of(request).background(self.work)
        return web.json_response({})

    async def work(self, session: Session) -> None:
        """Ask once, wait, and ask again, also when it is cancelled."""
        await self._ask(session)
        self.begun.set()
        try:
            await self.may_go_on.wait()
        finally:
            await self._ask(session)
            self.ended.set()

    async def stubborn(self, request: web.Request) -> web.Response:
        await session_of(request).background(self.never_ending)
        return web.json_response({})

    async def never_ending(self, session: Session) -> None:
        self.begun.set()
        while not self.may_go_on.is_set():
            try:
                await self.may_go_on.wait()
            except asyncio.CancelledError:
                continue

    async def failing(self, request: web.Request) -> web.Response:
        await session_of(request).background(self.broken)
        return web.json_response({})

    async def broken(self, session: Session) -> None:
        raise RuntimeError("as the test wants it")

    async def held_back(self, request: web.Request) -> web.Response:
        session = session_of(request)
        self.held.set()
        await self.hold.wait()
        await session.background(self.work)
        return web.json_response({})

    async def mistaken(self, request: web.Request) -> web.Response:
        session = session_of(request)
        mistake: Any = self.work(session)
        with pytest.raises(TypeError, match="expected a function of a session"):
            await session.background(mistake)
        return web.json_response({})

    async def _ask(self, session: Session) -> None:
        async with session.http.get("/me", raise_for_status=False) as answer:
            self.heard.append(answer.status)


@pytest.fixture
def office() -> Office:
    return Office()


async def begun(server: Served, headers: Mapping[str, str], path: str = "/export") -> int:
    async with asyncio.timeout(10):
        return (await server.opshub.call(path, dict(headers), "POST")).status


async def test_work_goes_on_after_the_answer_with_a_client_of_its_own(
    desk: Desk, office: Office, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section, routes=office.routes) as server:
        status = await begun(server, await opened(server, session))
        office.may_go_on.set()
        await asyncio.wait_for(office.ended.wait(), 10)

    assert (status, office.heard) == (200, [200, 200])


async def test_a_cleanup_ends_the_work_and_logs_out_after_it(desk: Desk, office: Office, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section, routes=office.routes) as server:
        headers = await opened(server, session)
        await begun(server, headers)
        await office.begun.wait()
        answer = await server.opshub.cleanup(session, headers, SYSTEM)

    assert answer.body["logout"]["outcome"] == "acknowledged"
    assert office.ended.is_set()
    assert office.heard == [200, 200], "the login was alive until the work had ended"


async def test_hooks_of_a_cleanup_run_after_the_work(desk: Desk, office: Office, session: str, tmp_path: Path) -> None:
    hooks, seen = Hooks(), list[bool]()

    @hooks.on_session_cleanup
    async def drop_files(session_id: str, system_id: str | None) -> None:
        seen.append(office.ended.is_set())

    async with served(tmp_path, desk.section, routes=office.routes, hooks=hooks) as server:
        headers = await opened(server, session)
        await begun(server, headers)
        await office.begun.wait()
        await server.opshub.cleanup(session, headers, SYSTEM)

    assert seen == [True]


async def test_a_second_initialize_ends_the_work_of_the_login_that_it_replaces(
    desk: Desk, office: Office, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section, routes=office.routes) as server:
        await begun(server, await opened(server, session))
        await office.begun.wait()
        await opened(server, session)
        await asyncio.wait_for(desk.ended.get(), 10)

    assert office.heard == [200, 200], "the old login was alive until the work had ended"
    assert len(desk.alive) == 1


async def test_work_that_does_not_end_holds_no_login_for_ever(
    desk: Desk, office: Office, session: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "AGAIN", 0.01)
    async with served(tmp_path, desk.section, routes=office.routes) as server:
        headers = await opened(server, session)
        await begun(server, headers, "/stubborn")
        await office.begun.wait()
        with capture_logs() as logs:
            answer = await server.opshub.cleanup(session, headers, SYSTEM)
        office.may_go_on.set()

    assert answer.body["logout"]["outcome"] == "acknowledged"
    assert [line["log_level"] for line in logs if line["event"] == HANGING] == ["error"]


async def test_a_login_that_is_handed_out_again_while_its_work_ends_is_not_logged_out(
    desk: Desk, office: Office, session: str, tmp_path: Path
) -> None:
    desk.only_token = "only"
    async with served(tmp_path, desk.section, routes=office.routes) as server:
        headers = await opened(server, session)
        await begun(server, headers, "/stubborn")
        await office.begun.wait()
        cleanup = asyncio.create_task(server.opshub.cleanup(session, headers, SYSTEM))

        async def is_owed() -> bool:
            return bool(await server.parts.ledger.owed_of(session))

        await until(is_owed)
        await opened(server, session)
        office.may_go_on.set()
        assert (await cleanup).status == 200
        assert (desk.alive, desk.logouts.total()) == ({desk.only_token}, 0)


async def test_what_escapes_the_work_is_logged_and_its_session_goes_on(
    desk: Desk, office: Office, session: str, tmp_path: Path
) -> None:
    with capture_logs() as logs:
        async with served(tmp_path, desk.section, routes=office.routes) as server:
            headers = await opened(server, session)
            statuses = [await begun(server, headers, "/failing")]
            statuses.append(await begun(server, headers))

    assert statuses == [200, 200]
    assert [str(line["exc_info"]) for line in logs if line["event"] == FAILED] == ["as the test wants it"]


async def test_work_keeps_no_forgotten_session_from_being_reaped(
    desk: Desk, office: Office, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section + IDLE, routes=office.routes, tick=0.05) as server:
        await begun(server, await opened(server, session))
        await asyncio.wait_for(desk.ended.get(), 10)

    assert office.heard == [200, 200], "the login was alive until the work had ended"


async def test_the_end_of_the_server_ends_the_work_and_leaves_the_session_open(
    desk: Desk, office: Office, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section, routes=office.routes) as server:
        headers = await opened(server, session)
        await begun(server, headers)
        await office.begun.wait()
    async with served(tmp_path, desk.section, routes=office.routes) as restarted:
        answer = await restarted.opshub.cleanup(session, headers, SYSTEM)

    assert office.heard == [200, 200]
    assert answer.body["logout"]["outcome"] == "acknowledged"


async def test_a_handler_that_a_cleanup_has_overtaken_begins_no_work(
    desk: Desk, office: Office, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section, routes=office.routes) as server:
        headers = await opened(server, session)
        call = asyncio.create_task(begun(server, headers, "/held"))
        await office.held.wait()
        await server.opshub.cleanup(session, headers, SYSTEM)
        office.hold.set()
        status = await call

    assert status == 401
    assert not office.begun.is_set()


async def test_work_of_a_session_of_another_replica_ends_with_a_cleanup_here(
    desk: Desk, office: Office, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path / "a", desk.section) as one, served(tmp_path / "b", desk.section, routes=office.routes) as replica:
        headers = await opened(one, session)
        await begun(replica, headers)
        await office.begun.wait()
        await replica.opshub.cleanup(session, headers, SYSTEM)

    assert office.heard == [200, 200], "the login was alive until the work had ended"


async def test_a_coroutine_in_the_place_of_a_function_is_a_clear_error(
    desk: Desk, office: Office, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section, routes=office.routes) as server:
        assert await begun(server, await opened(server, session), "/mistaken") == 200
