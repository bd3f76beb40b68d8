"""`connector.testing`: a session without a server, an end system to script, and a clock to set."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from connector import BadRequest, LoginNotCarried, Session, TargetNotAllowed, create_app, session, testing
from connector.testing import Clock, OpsHub, ScriptedEndSystem, call_handler, session_without_server

connector_environ, end_system = testing.connector_environ, testing.end_system
"""The fixtures. An author has them by `pytest_plugins`."""
PROFILE = """\
description = "A tool of a test"

[settings]
url = { type = "url", required = true }

[[login]]
method = "POST"
url = "{base_url}/login"
success = [200]
capture = { token = { json = "/token" } }

[credential]
X-Token = "{captured.token}"

[http]
headers = { X-Token = "{credential.X-Token}" }

[[steps]]
method = "POST"
url = "{base_url}/logout"
headers = { X-Token = "{credential.X-Token}" }
success = [204]
"""
A_DAY = 86_400


async def get_issue(request: web.Request) -> web.Response:
    """Return an issue of the tool, with a link to it."""
    current, number = session(request), request.match_info["id"]
    if not number.isdecimal():
        raise BadRequest("id: expected a number")
    async with current.http.get(f"issues/{number}") as found:
        found.raise_for_status()
        return web.json_response({**await found.json(), "link": str(current.base_url / "issues" / number)})


async def create_issue(request: web.Request) -> web.Response:
    """Create what was sent, in the project of the settings."""
    current = session(request)
    body = {**await request.json(), "project": current.settings["project"], "by": request.query["by"]}
    async with current.http.post("issues", json=body) as made:
        made.raise_for_status()
    return web.Response(status=204)


async def test_a_handler_is_called_without_a_server(end_system: ScriptedEndSystem) -> None:
    end_system.answers("GET", "/issues/7", json={"title": "The hatch sticks"})
    async with session_without_server(end_system.url, headers={"X-Token": "t"}) as current:
        answer = await call_handler(get_issue, current, "/issues/7", match_info={"id": "7"})

    assert (answer.status, answer.body) == (200, {"title": "The hatch sticks", "link": f"{end_system.url}/issues/7"})
    assert [(each.method, each.path, each.headers["x-token"]) for each in end_system.received] == [("GET", "/issues/7", "t")]


async def test_a_handler_is_given_body_query_and_settings(end_system: ScriptedEndSystem) -> None:
    end_system.answers("POST", "/issues", status=201)
    async with session_without_server(end_system.url, settings={"project": "Apollo"}) as current:
        answer = await call_handler(create_issue, current, "/issues?by=me", method="POST", json={"title": "new"})

    assert (answer.status, answer.body) == (204, None)
    assert end_system.received[0].json == {"title": "new", "project": "Apollo", "by": "me"}


async def test_what_a_handler_raises_is_raised(end_system: ScriptedEndSystem) -> None:
    end_system.answers("GET", "/issues/7", status=503, headers={"Retry-After": "3"})
    async with session_without_server(end_system.url) as current:
        with pytest.raises(aiohttp.ClientResponseError) as refused:
            await call_handler(get_issue, current, match_info={"id": "7"})
        with pytest.raises(BadRequest):
            await call_handler(get_issue, current, match_info={"id": "x"})

    assert refused.value.status == 503


async def test_a_session_without_server_reaches_its_end_system_alone(end_system: ScriptedEndSystem) -> None:
    async with session_without_server(end_system.url) as current:
        with pytest.raises(TargetNotAllowed):
            await current.http.get("http://localhost:1/")
    async with session_without_server() as current:
        with pytest.raises(LoginNotCarried, match="this session of a test has no `base_url`"):
            assert current.base_url


async def test_cached_values_grow_old_by_the_clock_of_the_test() -> None:
    clock, loads = Clock(), iter(range(10))

    async def load() -> int:
        return next(loads)

    async with session_without_server(clock=clock) as current:
        seen = []
        for seconds in (0, 59, 2):
            clock.advance(seconds)
            seen.append(await current.system.cache.get_or_load("number", load, kind=int, ttl=60))

    assert seen == [0, 0, 1]


async def test_work_in_the_background_begins_and_ends_with_the_session_of_a_test() -> None:
    begun, ended = asyncio.Queue[Session](), asyncio.Event()

    async def work(given: Session) -> None:
        begun.put_nowait(given)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with session_without_server() as current:
        await current.background(work)
        assert (await begun.get()).session_id == current.session_id
        assert not ended.is_set()

    assert ended.is_set()


async def test_the_last_script_wins_and_the_one_before_comes_back(end_system: ScriptedEndSystem) -> None:
    end_system.answers("POST", "/x", text="always")
    end_system.answers("POST", "/x", status=429, times=2)
    end_system.breaks("POST", "/x", times=1)
    seen: list[object] = []
    async with aiohttp.ClientSession(end_system.url) as http:
        for _ in range(4):
            try:
                async with http.post("/x") as answer:
                    seen.append(await answer.text() or answer.status)
            except aiohttp.ServerDisconnectedError:
                seen.append("broken")

    assert seen == ["broken", 429, 429, "always"]


async def test_an_end_system_hangs_where_a_test_wants_it(end_system: ScriptedEndSystem) -> None:
    end_system.hangs("GET", "/x")
    async with aiohttp.ClientSession(end_system.url, timeout=aiohttp.ClientTimeout(0.2)) as http:
        with pytest.raises(TimeoutError):
            await http.get("/x")


async def test_a_request_that_is_not_in_the_script_fails_the_test() -> None:
    fixture: AsyncIterator[ScriptedEndSystem] = vars(testing.end_system)["_fixture_function"]()
    surprised = await anext(fixture)
    async with aiohttp.ClientSession(surprised.url) as http, http.delete("/a%2Fb") as answer:
        assert answer.status == 501
    with pytest.raises(pytest.fail.Exception, match="no answer to DELETE /a%2Fb"):
        await anext(fixture)


async def test_an_owed_logout_is_tried_when_the_clock_says_so(
    tmp_path: Path, connector_environ: dict[str, str], end_system: ScriptedEndSystem
) -> None:
    clock, tried = Clock(), asyncio.Event()

    async def logout(request: web.Request) -> web.Response:
        tried.set()
        return web.Response(status=204)

    end_system.answers("POST", "/login", json={"token": "t"})
    end_system.answers("POST", "/logout", by=logout)
    end_system.answers("POST", "/logout", status=503, headers={"Retry-After": str(A_DAY)}, times=1)
    (tmp_path / "profile.toml").write_text(PROFILE)
    (tmp_path / "config.toml").write_text(f'[end_system]\nprofile = "{tmp_path}/profile.toml"\nbase_url = "{end_system.url}"\n')
    app = create_app(tmp_path / "config.toml", environ=connector_environ, clock=clock)
    async with testing.served(app) as url, testing.opshub_at(url) as hub:
        owed = await (await opened(hub, end_system)).cleanup()
        clock.advance(A_DAY + 3600)
        await asyncio.wait_for(tried.wait(), 10)

    assert owed.body["logout"]["outcome"] == "pending"


async def opened(hub: OpsHub, system: ScriptedEndSystem) -> testing.OpsHubSession:
    opening = await hub.initialize({"url": system.url})
    assert opening.opened.status == 200, opening.opened.body
    return opening
