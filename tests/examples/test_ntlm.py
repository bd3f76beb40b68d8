"""The class that proves its user by NTLM, whose handshake the end system ties to the connection."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from connector import session
from examples.own_classes.ntlm import Handshake
from tests.examples.own_systems import PASSWORD, USER, ntlm_system
from tests.examples.test_own_classes import SYSTEM, initialized
from tests.sessions.served import served

ENDED = "the connection of this run has ended"
SECTION = '[end_system]\nprofile = "examples.own_classes.ntlm.Ntlm"\nbase_url = "{url}"\n'


async def three(request: web.Request) -> web.Response:
    """A handler that asks for three pages at once."""
    http = session(request).http

    async def projects() -> None:
        async with http.get("projects") as answer:
            await answer.json()

    await asyncio.gather(projects(), projects(), projects())
    return web.json_response({})


ROUTES = [web.get("/three", three)]


async def test_the_end_system_refuses_a_handshake_over_another_connection() -> None:
    async with ntlm_system() as system:
        assert await begun(system.url, force_close=True) == 401
        assert len(system.connections) == 3
        assert await begun(system.url, force_close=False) == 200
        assert len(system.connections) == 4


async def begun(url: str, *, force_close: bool) -> int:
    """Begin a session over one connection, or over one for each request; returns the status."""
    async with (
        aiohttp.ClientSession(url + "/", connector=aiohttp.TCPConnector(force_close=force_close)) as http,
        http.post("session", middlewares=[Handshake(USER, PASSWORD)]) as answer,
    ):
        return answer.status


async def test_each_run_proves_its_user_on_a_connection_of_its_own(tmp_path: Path) -> None:
    async with ntlm_system() as system, served(tmp_path, SECTION.format(url=system.url), routes=ROUTES) as server:
        id_, status, headers = await initialized(server)
        calls = await asyncio.gather(*(server.opshub.call("/three", headers) for _ in range(4)))
        ended = await server.opshub.cleanup(id_, headers, SYSTEM)

    assert (status, [call.status for call in calls], ended.body["logout"]["outcome"]) == (200, [200] * 4, "acknowledged")
    # Each handshake is three requests long, and the last of them is the first that the run wants.
    assert sorted(system.connections.values()) == [3, 3, *([3 + 2] * 4)]
    assert not system.alive


@pytest.mark.parametrize("requests", [1, 2, 3])
async def test_a_connection_that_ends_during_a_handshake_is_an_outage_that_is_told(requests: int, tmp_path: Path) -> None:
    async with ntlm_system() as system, served(tmp_path, SECTION.format(url=system.url), routes=ROUTES) as server:
        id_, _, headers = await initialized(server)
        system.connections.clear()
        system.hangs_up_after = requests
        _, status, told = await initialized(server)
        call = await server.opshub.call("/three", headers)
        ended = await server.opshub.cleanup(id_, headers, SYSTEM)
        connections = len(system.connections)
        system.hangs_up_after = None
        again = await server.opshub.cleanup(id_, headers, SYSTEM)

    assert (status, told) == (503, {"code": "connection"})
    assert (call.status, call.body["errors"]["code"]) == (503, "connection")
    assert ENDED in call.body["errors"]["message"]
    assert (ended.status, ended.body["logout"]["outcome"]) == (200, "pending")
    assert ENDED in ended.body["logout"]["message"]
    assert connections == 3
    assert again.body["logout"]["outcome"] == "acknowledged"
    assert not system.alive
