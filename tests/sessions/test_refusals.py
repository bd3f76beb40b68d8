"""Refused requests, over real sockets: whatever they are refused for, nothing of them stays in memory."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType, TracebackType
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from aiohttp import web

from connector.api.http_errors import NotFound
from connector.api.session_of_request import session as session_of
from connector.model.errors import ConnectorError
from tests.api.raw import HOST, answer_to
from tests.sessions.desk import Desk, settings
from tests.sessions.served import Served, served
from tests.sessions.test_cleanup import opened

AT_ONCE, TIMES = 10, 20
FEW = 100
"""Objects that come and go beside a server; requests that are kept leave thousands."""
SECRET = {"X-Connector-Session": "forged", "Authorization": "Bearer s3cret"}
Call = Callable[[Served, Desk], Awaitable[int]]


async def unknown_path(server: Served, _: Desk) -> int:
    return (await server.opshub.call("/nowhere", SECRET)).status


async def unknown_method(server: Served, _: Desk) -> int:
    return (await server.opshub.call("/discover", SECRET, "POST")).status


async def malformed_id(server: Served, _: Desk) -> int:
    return (await server.opshub.cleanup("7", SECRET)).status


async def forged_seal(server: Served, _: Desk) -> int:
    return (await server.opshub.cleanup(str(uuid4()), SECRET)).status


async def no_seal(server: Served, _: Desk) -> int:
    return (await server.opshub.call("/missing", {"Authorization": "Bearer s3cret"})).status


async def refused_login(server: Served, _: Desk) -> int:
    return (await server.opshub.initialize(str(uuid4()), settings("wrong"))).status


async def large_body(server: Served, _: Desk) -> int:
    return (await server.opshub.send("POST", f"/cleanup/{uuid4()}", "x" * 70_000)).status


async def overtaken_login(server: Served, desk: Desk) -> int:
    session = str(uuid4())
    desk.answering.clear()
    opening = asyncio.create_task(server.opshub.initialize(session, settings(), SECRET))
    await desk.logging_in.get()
    assert (await server.opshub.cleanup(session)).status == 200
    desk.answering.set()
    return (await opening).status


async def sent(head: bytes, server: Served, _: Desk) -> int:
    return (await answer_to(urlsplit(server.url).port or 0, head)).status


REFUSALS: dict[str, tuple[Call, int]] = {
    "unknown path": (unknown_path, 404),
    "unknown method": (unknown_method, 405),
    "malformed id": (malformed_id, 400),
    "forged seal": (forged_seal, 404),
    "no seal": (no_seal, 401),
    "refused login": (refused_login, 400),
    "large body": (large_body, 413),
    "overtaken login": (overtaken_login, 409),
    "not HTTP": (partial(sent, b"GET /discover HTTP/1.1\r\n" + HOST + b"s3cret\r\n\r\n"), 400),
    "unknown expectation": (partial(sent, b"GET /discover HTTP/1.1\r\n" + HOST + b"Expect: s3cret\r\n\r\n"), 417),
}


async def missing(_: web.Request) -> web.Response:
    raise NotFound("no such project", detail={"project": 7})


async def broken(_: web.Request) -> web.Response:
    raise ZeroDivisionError


async def shared_load(request: web.Request) -> web.Response:
    async def load() -> int:
        await asyncio.sleep(0)
        raise NotFound("no such project")

    await session_of(request).system.cache.get_or_load("key", load, kind=int)
    raise AssertionError("the load has failed")


async def clientless(request: web.Request) -> web.Response:
    session_of(request).http  # noqa: B018 - there is none
    raise AssertionError("a session without a login has no client")


ROUTES = [
    web.get("/missing", missing),
    web.get("/broken", broken),
    web.get("/load", shared_load),
    web.get("/clientless", clientless),
]


@pytest.mark.parametrize(("call", "status"), REFUSALS.values(), ids=REFUSALS.keys())
async def test_of_a_refused_request_nothing_stays(call: Call, status: int, desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        await must_leave_nothing(partial(call, server, desk), status)


@pytest.mark.parametrize(("path", "status"), [("/missing", 404), ("/broken", 500), ("/load", 404), ("/clientless", 500)])
async def test_of_a_call_that_an_authors_handler_fails_nothing_stays(path: str, status: int, desk: Desk, tmp_path: Path) -> None:
    section = "" if path == "/clientless" else desk.section
    async with served(tmp_path, section, routes=ROUTES) as server:
        headers = await opened(server, str(uuid4()))

        async def call() -> int:
            return (await server.opshub.call(path, headers)).status

        await must_leave_nothing(call, status)


async def test_of_a_request_by_a_caller_who_may_not_call_nothing_stays(desk: Desk, tmp_path: Path) -> None:
    async with served(tmp_path, 'server.allowed_callers = ["10.0.0.0/8"]') as server:
        await must_leave_nothing(partial(forged_seal, server, desk), 404)


async def must_leave_nothing(call: Callable[[], Awaitable[int]], status: int) -> None:
    """Neither for good, nor until Python looks for what is referred to by nothing but itself."""
    await refused(call, status)
    with no_search_for_garbage():
        before = held()
        for _ in range(TIMES):
            await refused(call, status)
        after = held()
    assert after - before < FEW


async def refused(call: Callable[[], Awaitable[int]], status: int) -> None:
    assert await asyncio.gather(*(call() for _ in range(AT_ONCE))) == [status] * AT_ONCE


def held() -> int:
    """Return how many requests there are, errors of ours, and places at which any error was raised."""
    kinds = (web.BaseRequest, ConnectorError, TracebackType, FrameType)
    return sum(issubclass(type(found), kinds) for found in gc.get_objects())  # asking the object wakes proxies


@contextmanager
def no_search_for_garbage() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
