"""A failure of the end system that escapes a handler reaches OpsHub as what it is, and what a handler deals with does not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import ClientSession, web
from structlog.processors import format_exc_info
from structlog.testing import capture_logs

from connector.api.session_of_request import session as session_of
from tests.endsystems.raw_server import raw_server
from tests.ledger.ledgers import SetClock
from tests.ports import free_port
from tests.sessions.desk import Desk
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import opened

LATER = 31.0
"""Seconds after which a login is not new any more."""


async def passed_on(request: web.Request) -> web.Response:
    """What an author writes who thinks of no error."""
    async with session_of(request).http.get(request.query["path"]) as answer:
        return web.json_response(await answer.json())


async def dealt_with(request: web.Request) -> web.Response:
    async with session_of(request).http.get(request.query["path"]) as answer:
        return web.json_response({"seen": answer.status})


async def caught(request: web.Request) -> web.Response:
    try:
        await passed_on(request)
    except aiohttp.ClientError as problem:
        return web.json_response({"caught": type(problem).__name__})
    raise AssertionError


async def several_at_once(request: web.Request) -> web.Response:
    async with asyncio.TaskGroup() as calls:
        calls.create_task(passed_on(request))
        calls.create_task(asyncio.Event().wait())
    raise AssertionError


async def patient(request: web.Request) -> web.Response:
    async with session_of(request).http.get("hang", timeout=aiohttp.ClientTimeout(sock_read=0.1)) as answer:
        return web.json_response(await answer.json())


async def another_service(request: web.Request) -> web.Response:
    async with ClientSession() as http, http.get(request.query["url"]) as answer:
        answer.raise_for_status()
    raise AssertionError


async def shared(request: web.Request) -> web.Response:
    found = session_of(request)

    async def load() -> str:
        async with found.http.get("me") as answer:
            return await answer.text()

    return web.json_response(await found.system.cache.get_or_load("x", load, kind=str))


ROUTES = [
    web.get("/passed-on", passed_on),
    web.get("/dealt-with", dealt_with),
    web.get("/caught", caught),
    web.get("/several", several_at_once),
    web.get("/patient", patient),
    web.get("/another", another_service),
    web.get("/shared", shared),
]


@asynccontextmanager
async def working(
    desk: Desk, session: str, folder: Path, clock: SetClock, allows: str = ""
) -> AsyncIterator[tuple[Served, dict[str, str]]]:
    """A connector with a session that was opened half a minute ago."""
    section = f'{desk.section}allowed_urls = ["{desk.url}", "{allows}"]\n' if allows else desk.section
    async with served(folder, section, routes=ROUTES, clock=clock) as server:
        headers = await opened(server, session)
        clock.now += LATER
        yield server, headers


@pytest.mark.parametrize(
    "case",
    [
        ("status/401", 401, "http_401"),
        ("status/429?Retry-After=7", 403, "http_429"),
        ("status/429", 403, "http_429"),
        ("status/403?Retry-After=7", 403, "http_403"),
        ("status/403", 502, "http_403"),
        ("status/404", 404, "http_404"),
        ("status/409", 409, "http_409"),
        ("status/400", 502, "http_400"),
        ("status/500", 503, "http_500"),
        ("status/503?Retry-After=7", 503, "http_503"),
        ("page", 502, "unreadable_answer"),
        ("status/302?Location=http://login.example/%3Fcode=s3cret", 502, "target_not_allowed"),
        ("status/302?Location=tracker://back%3Fcode=s3cret", 502, "unreadable_answer"),
        ("status/302?Location=http://[", 502, "unreadable_answer"),
    ],
)
async def test_an_error_that_escapes_a_handler_reaches_opshub_as_what_it_is(
    desk: Desk, session: str, tmp_path: Path, case: tuple[str, int, str]
) -> None:
    end_systems, ours, code = case
    async with working(desk, session, tmp_path, SetClock()) as (server, headers):
        with capture_logs([format_exc_info]) as logs:
            answer = await server.opshub.call(f"/passed-on?path={quote(end_systems)}", headers)

    assert (answer.status, answer.body["errors"]["code"]) == (ours, code)
    assert "s3cret" not in str([line for line in logs if line.get("logger") != "aiohttp.access"])
    assert answer.headers.get("Retry-After") == ("7" if "Retry" in end_systems else "10" if ours == 503 else None)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ns3cret\x00: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Token: " + b"s3cret" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ns3cret\r\n",
        b"s3cret",
    ],
    ids=["header", "long header", "chunk", "no HTTP"],
)
async def test_what_is_not_http_is_a_503_and_shows_in_no_log(desk: Desk, session: str, tmp_path: Path, answer: bytes) -> None:
    async with raw_server(answer) as other, working(desk, session, tmp_path, SetClock(), allows=other) as (server, headers):
        with capture_logs([format_exc_info]) as logs:
            seen = await server.opshub.call(f"/passed-on?path={quote(f'{other}/x?token=s3cret')}", headers)

    assert (seen.status, seen.body["errors"]["code"]) == (503, "connection")
    assert "s3cret" not in str([line for line in logs if line.get("logger") != "aiohttp.access"]) + seen.text


@pytest.mark.parametrize("body", [b"{s3cret", b"\xffs3cret"], ids=["broken off", "no text"])
async def test_what_is_not_the_json_that_it_says_to_be_is_a_502(desk: Desk, session: str, tmp_path: Path, body: bytes) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    async with raw_server(answer) as other, working(desk, session, tmp_path, SetClock(), allows=other) as (server, headers):
        seen = await server.opshub.call(f"/passed-on?path={quote(other)}", headers)

    assert (seen.status, seen.body["errors"]["code"]) == (502, "unreadable_answer")
    assert "s3cret" not in seen.text


async def test_a_status_that_a_handler_deals_with_is_not_mapped(desk: Desk, session: str, tmp_path: Path) -> None:
    async with working(desk, session, tmp_path, SetClock()) as (server, headers):
        dealt = await server.opshub.call("/dealt-with?path=status/401", headers)
        taken = await server.opshub.call("/caught?path=status/401", headers)

    assert (dealt.status, dealt.body) == (200, {"seen": 401})
    assert (taken.status, taken.body) == (200, {"caught": "LoginNotAccepted"})


async def test_a_login_younger_than_half_a_minute_that_is_refused_again_is_a_502(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    clock = SetClock()
    async with working(desk, session, tmp_path, clock) as (server, headers):
        old = await server.opshub.call("/passed-on?path=status/401", headers)
        fresh = await opened(server, session)
        young = await server.opshub.call("/passed-on?path=status/401", fresh)
        clock.now += LATER
        older = await server.opshub.call("/passed-on?path=status/401", fresh)

    assert [answer.status for answer in (old, young, older)] == [401, 502, 401]
    assert young.body["errors"]["code"] == "login_refused_again"


async def test_a_timeout_is_a_503(desk: Desk, session: str, tmp_path: Path) -> None:
    async with working(desk, session, tmp_path, SetClock()) as (server, headers):
        answer = await server.opshub.call("/patient", headers)

    assert (answer.status, answer.body["errors"]["code"]) == (503, "timeout")


async def test_no_connection_is_a_503(desk: Desk, session: str, tmp_path: Path) -> None:
    async with working(desk, session, tmp_path, SetClock()) as (server, headers):
        await desk.stop()
        answer = await server.opshub.call("/passed-on?path=me", headers)

    assert (answer.status, answer.body["errors"]["code"]) == (503, "connection")


async def test_an_error_of_one_of_several_calls_at_once_is_mapped(desk: Desk, session: str, tmp_path: Path) -> None:
    async with working(desk, session, tmp_path, SetClock()) as (server, headers):
        answer = await server.opshub.call("/several?path=status/401", headers)

    assert answer.status == 401


async def test_a_401_of_another_service_opens_no_new_login(desk: Desk, session: str, tmp_path: Path) -> None:
    async with working(desk, session, tmp_path, SetClock()) as (server, headers), Desk() as other:
        answer = await server.opshub.call(f"/another?url={other.url}/status/401", headers)

    assert answer.status == 500


async def test_a_url_that_is_not_allowed_is_a_defect_of_the_handler(desk: Desk, session: str, tmp_path: Path) -> None:
    async with working(desk, session, tmp_path, SetClock()) as (server, headers):
        answer = await server.opshub.call(f"/passed-on?path=http://127.0.0.1:{free_port()}/", headers)

    assert answer.status == 500


async def test_a_401_in_a_shared_loader_is_no_error_of_another_session(desk: Desk, session: str, tmp_path: Path) -> None:
    async with working(desk, session, tmp_path, SetClock()) as (server, dead):
        desk.alive.clear()
        alive = await opened(server, str(uuid4()))
        lost, other = await asyncio.gather(*(server.opshub.call("/shared", headers) for headers in (dead, alive)))

    assert (lost.status, other.status) == (401, 200)
