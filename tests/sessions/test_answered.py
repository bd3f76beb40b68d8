"""Whether OpsHub was given a seal: noted with the uses of sessions once the answer of initialize was written."""

from functools import partial
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connector.api.initialize import Handover
from connector.api.rendering import json_answer
from connector.sessions.opening_outcomes import Opened, OpeningRequest
from tests.e2e.connector_process import connector_process
from tests.e2e.opshub import OpsHub
from tests.ledger.ledgers import raw
from tests.sessions.desk import Desk, settings
from tests.sessions.reception import ReceivingEndSystem, reception
from tests.sessions.served import served
from tests.sessions.test_cleanup import SYSTEM, opened


def unanswered(folder: Path) -> list[int]:
    """Of each open session, whether it is unknown that OpsHub was given its seal."""
    with raw(folder) as file:
        return [number for (number,) in file.execute("SELECT unanswered FROM sessions")]


async def test_a_session_whose_answer_was_written_is_noted_with_the_next_uses(desk: Desk, session: str, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section) as server:
        await opened(server, session)
        assert unanswered(tmp_path) == [1], "no commit of its own"
    assert unanswered(tmp_path) == [0]


async def test_a_session_of_a_server_that_is_killed_before_it_noted_that_is_unanswered(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    config = f'{desk.section}[ledger]\npath = "{tmp_path}/ledger.sqlite3"\n'
    with connector_process(tmp_path, config) as server:
        async with OpsHub(server.url) as opshub:
            await opshub.initialize(session, settings(), query=SYSTEM)
        server.process.kill()
        server.process.wait()
    assert unanswered(tmp_path) == [1]


async def test_an_answer_that_the_connection_did_not_take_is_not_noted() -> None:
    noted = []

    async def answer(request: web.Request) -> web.Response:
        if "gone" in request.query and request.transport is not None:
            request.transport.abort()
        return json_answer(HTTPStatus.OK, [], kind=partial(Handover, lambda: noted.append(request.query_string)))

    application = web.Application()
    application.router.add_get("/", answer)
    async with TestServer(application) as server, aiohttp.ClientSession() as http:
        async with http.get(server.make_url("/?there")) as given:
            assert (given.status, await given.json()) == (200, [])
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await http.get(server.make_url("/?gone"))
    assert noted == ["there"]


async def test_an_answer_is_noted_of_its_own_login_alone(tmp_path: Path, session: str) -> None:
    async with reception(tmp_path, ReceivingEndSystem()) as parts:
        first, second = [await parts.openings.open(OpeningRequest(session, "A", {})) for _ in range(2)]
        for result, expected in ((first, [1]), (second, [0])):
            assert isinstance(result, Opened)
            result.answered()
            await parts.live.write_notes()
            assert unanswered(tmp_path) == expected
