"""`connector.testing`: each method of a session's calls arrives as an author's handler expects it."""

from pathlib import Path

import pytest
from aiohttp import web

from connector import create_app, session, testing
from connector.testing import OpsHub

connector_environ, opshub = testing.connector_environ, testing.opshub
"""The fixtures. An author has them by `pytest_plugins`."""


async def tell(request: web.Request) -> web.Response:
    """Answer what was asked, by a session."""
    told = {"method": request.method, "system": session(request).system_id}
    return web.json_response(told | ({"body": await request.json()} if request.can_read_body else {}))


async def nothing(request: web.Request) -> web.Response:
    """Answer without a body."""
    return web.Response(status=204)


@pytest.fixture
def connector_app(tmp_path: Path, connector_environ: dict[str, str]) -> web.Application:
    (tmp_path / "config.toml").write_text("")
    routes = [web.route("*", "/issues", tell), web.delete("/issues/7", nothing)]
    return create_app(tmp_path / "config.toml", routes=routes, environ=connector_environ)


async def test_a_session_gets_posts_puts_and_deletes(opshub: OpsHub) -> None:
    current = await opshub.initialize({}, system_id="one")

    answers = [await current.get("/issues"), await current.post("/issues", {"title": "new"}), await current.put("/issues", [1])]

    assert [answer.body for answer in answers] == [
        {"method": "GET", "system": "one"},
        {"method": "POST", "system": "one", "body": {"title": "new"}},
        {"method": "PUT", "system": "one", "body": [1]},
    ]


async def test_an_answer_without_a_body_has_none(opshub: OpsHub) -> None:
    current = await opshub.initialize({}, system_id="one")

    deleted = await current.delete("/issues/7")

    assert (deleted.status, deleted.body) == (204, None)


async def test_a_call_can_have_what_aiohttp_takes(opshub: OpsHub) -> None:
    current = await opshub.initialize({}, system_id="one")

    answer = await current.call("PATCH", "/issues", json=2, headers={"X-More": "1"})

    assert answer.body == {"method": "PATCH", "system": "one", "body": 2}
