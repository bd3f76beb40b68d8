"""Behind the proxies that examples/deploy has files for: what arrives is what was sent, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from connector.testing import OpsHub
from tests.deploy.proxies import PROXIES, proxy
from tests.e2e.connector_process import connector_process
from tests.ports import free_port
from tests.sessions.desk import PASSWORD, USER, Desk

pytestmark = pytest.mark.parametrize("name", PROXIES)
NAMED = {"CONNECTOR__SERVER__ALLOWED_HOSTS": '["connector.example.org"]'}
"""As the handbook says. The proxies' health checks call a server by other names."""
ENOUGH = 6
"""Requests, so that each replica would get some."""


class Heard:
    """A replica that notes what arrives."""

    def __init__(self, *, breaks: bool = False) -> None:
        self.requests: list[web.Request] = []
        self._breaks = breaks

    async def answer(self, request: web.Request) -> web.Response:
        if request.path == "/health/ready":
            return web.Response()
        await request.read()
        self.requests.append(request)
        if self._breaks and request.transport is not None:
            request.transport.close()
        return web.Response()


@asynccontextmanager
async def behind(name: str, folder: Path, heard: Heard, *, first: int | None = None) -> AsyncIterator[aiohttp.ClientSession]:
    """Serve both replicas, or only the second one, behind a proxy, and yield a client of it."""
    app = web.Application(client_max_size=1_048_576)
    app.router.add_route("*", "/{path:.*}", heard.answer)
    runner = web.AppRunner(app, access_log=None, max_field_size=131_072, max_line_size=131_072)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    try:
        with proxy(name, folder, [first or port, port]) as (url, tls):
            async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=tls, force_close=True)) as http:
                yield http
    finally:
        await runner.cleanup()


async def test_a_session_lives_and_ends_behind_a_proxy(name: str, tmp_path: Path) -> None:
    async with Desk() as desk:
        with connector_process(tmp_path, desk.section, NAMED) as server:
            port = URL(server.url).port or 0
            with proxy(name, tmp_path, [port, port]) as (url, tls):
                async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=tls)) as http:
                    session = await OpsHub(http).initialize({"user": USER, "password": PASSWORD})
                    ended = await session.cleanup()

        assert (session.opened.status, ended.status) == (200, 200)
        assert ended.body["logout"]["outcome"] == "acknowledged"
        assert desk.alive == set()


async def test_what_is_encoded_in_a_path_arrives_as_it_was_sent(name: str, tmp_path: Path) -> None:
    heard, sent = Heard(), f"/things/{uuid4()}%2Fb//c%20d?systemId=a%2Fb%26c"
    async with behind(name, tmp_path, heard) as http, http.get(URL(sent, encoded=True)) as answer:
        assert answer.status == 200

    assert [request.raw_path for request in heard.requests] == [sent]


@pytest.mark.parametrize("header", ["X-Connector-Session", "X_Odd", "X.Odd"])
async def test_a_long_header_arrives_whole_whatever_its_name(name: str, tmp_path: Path, header: str) -> None:
    heard, value = Heard(), "s" * 32_000
    async with behind(name, tmp_path, heard) as http, http.post("/cleanup", headers={header: value}) as answer:
        assert answer.status == 200

    assert [request.headers[header] for request in heard.requests] == [value]


async def test_an_initialize_with_many_settings_arrives(name: str, tmp_path: Path) -> None:
    heard = Heard()
    async with behind(name, tmp_path, heard) as http, http.post("/initialize", data=b"s" * 1_000_000) as answer:
        assert answer.status == 200


async def test_a_call_whose_replica_breaks_off_is_not_sent_again(name: str, tmp_path: Path) -> None:
    heard = Heard(breaks=True)
    async with behind(name, tmp_path, heard) as http, http.post("/cleanup") as answer:
        assert answer.status == 502

    assert len(heard.requests) == 1


async def test_a_replica_that_is_gone_is_passed_over(name: str, tmp_path: Path) -> None:
    heard = Heard()

    async def status(http: aiohttp.ClientSession) -> int:
        async with http.post("/cleanup") as answer:
            return answer.status

    async with behind(name, tmp_path, heard, first=free_port()) as http:
        statuses = await asyncio.gather(*(status(http) for _ in range(ENOUGH)))

    assert {*statuses} == {200}
    assert len(heard.requests) == ENOUGH
