"""An author's mistakes with routes, handlers, hooks and sessions: each has a message that names the thing and the remedy."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from structlog.processors import format_exc_info
from structlog.testing import capture_logs

from connector.api.session_of_request import session as session_of
from connector.cleanups.hooks import Hooks
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.errors import ConfigurationError, RequestOver
from connector.sessions.session import Session
from tests.sessions.desk import Desk
from tests.sessions.served import served
from tests.sessions.test_cleanup import opened

KEPT: list[Session] = []


async def forgets_to_return(request: web.Request) -> Any:
    await request.read()


async def returns_a_list(request: web.Request) -> Any:
    return ["ann"]


async def keeps_its_session(request: web.Request) -> web.Response:
    KEPT.append(session_of(request))
    return web.json_response({})


ROUTES = [web.get("/nothing", forgets_to_return), web.get("/list", returns_a_list), web.get("/kept", keeps_its_session)]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/nothing", "the handler forgets_to_return returned NoneType; expected an aiohttp.web.Response: is a `return` missing?"),
        ("/list", "the handler returns_a_list returned list; expected an aiohttp.web.Response: `aiohttp.web.json_response(...)`"),
    ],
)
async def test_a_handler_that_returns_no_answer_is_named_in_the_log(
    desk: Desk, session: str, tmp_path: Path, path: str, told: str
) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        with capture_logs([format_exc_info]) as logs:
            answer = await server.opshub.call(path, headers)

    assert (answer.status, answer.body["errors"]["code"]) == (500, "internal_error")
    assert [told in line["exception"] for line in logs if "exception" in line] == [True]


async def test_a_session_that_is_kept_beyond_its_request_is_closed_cache_and_all(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with served(tmp_path, desk.section, routes=ROUTES) as server:
        await server.opshub.call("/kept", await opened(server, session))
        kept = KEPT.pop()
        for use in (kept.http.get("me"), kept.cache.get("key", str), kept.system.cache.set("key", "value")):
            with pytest.raises(RequestOver, match=r"after its request; call `connector.session\(request\)` in each request"):
                await use


@pytest.mark.parametrize(
    "path", ["/cleanup/now", "/cleanup/{id}", "/initialize", "/discover", "/sdk-api/api/1.0/cleanup/{id}", "/cleanup"]
)
def test_a_route_that_would_take_the_place_of_our_own_call_is_refused(tmp_path: Path, path: str) -> None:
    async def begin() -> None:
        async with served(tmp_path, routes=[web.get("/users", returns_a_list), web.post(path, returns_a_list)]):
            raise AssertionError("it was served")

    with pytest.raises(ConfigurationError) as refused:
        asyncio.run(begin())

    (problem,) = refused.value.problems
    assert problem.startswith(f"routes: POST {path} would take the place of a call that the connector serves itself; give it")


async def test_a_route_that_only_begins_like_our_own_call_is_served(desk: Desk, session: str, tmp_path: Path) -> None:
    routes = [web.get("/cleanups", keeps_its_session), web.get("/projects/cleanup", keeps_its_session)]
    async with served(tmp_path, desk.section, routes=routes) as server:
        headers = await opened(server, session)
        statuses = [(await server.opshub.call(path, headers)).status for path in ("/cleanups", "/projects/cleanup")]

    assert statuses == [200, 200]
    KEPT.clear()


def test_a_hook_that_cannot_be_called_is_refused_when_it_is_defined() -> None:
    hooks = Hooks()

    async def drop(session_id: str) -> None: ...
    async def drop_by_name(*, session_id: str, system_id: str | None) -> None: ...
    async def drop_all(session_id: str, system_id: str | None) -> None: ...
    def drop_at_once(session_id: str, system_id: str | None) -> None: ...

    for_sessions: list[Any] = [drop, drop_by_name, drop_at_once]
    for wrong in for_sessions:
        told = rf"the hook {wrong.__name__} cannot be called: expected `async def {wrong.__name__}\(session_id, system_id\)`"
        with pytest.raises(TypeError, match=told):
            hooks.on_session_cleanup(wrong)
    wrong_for_systems: Any = drop_all
    with pytest.raises(TypeError, match=r"expected `async def drop_all\(system_id\)`"):
        hooks.on_system_cleanup(wrong_for_systems)


async def test_a_hook_may_be_a_partial_a_method_or_an_object() -> None:
    called: list[tuple[str | None, ...]] = []

    class Files:
        async def drop(self, session_id: str, system_id: str | None) -> None:
            called.append((session_id, system_id))

        async def __call__(self, system_id: str) -> None:
            called.append((system_id,))

    async def drop_from(folder: str, session_id: str, system_id: str | None) -> None:
        called.append((folder, session_id, system_id))

    hooks = Hooks()
    hooks.on_session_cleanup(Files().drop)
    hooks.on_session_cleanup(partial(drop_from, "folder"))
    hooks.on_system_cleanup(Files())
    for _, call in hooks.of(CleanupRequest("s", "A", global_cache=True, credential=Credential())):
        await call()

    assert called == [("s", "A"), ("folder", "s", "A"), ("A",)]
