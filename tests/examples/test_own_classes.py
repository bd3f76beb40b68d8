"""Four classes of one's own, each behind the whole connector and before a real server: login, calls, logout, and what fails."""

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connector import session
from examples.own_classes.xml_rpc import call
from tests.examples.own_systems import (
    CONSUMER,
    CONSUMER_SECRET,
    PASSWORD,
    USER,
    System,
    digest_system,
    ntlm_system,
    signing_system,
    xml_rpc_system,
)
from tests.ports import free_port
from tests.sessions.served import Served, served

SYSTEM = {"systemId": "A"}


class Kind(NamedTuple):
    """A class, the end system that it is for, and its settings."""

    name: str
    system: Callable[[], AbstractAsyncContextManager[System]]
    settings: str = "{}"


KINDS = [
    Kind(
        "oauth1.OAuth1",
        signing_system,
        f'{{ consumer_key = "{CONSUMER}", consumer_secret = "{CONSUMER_SECRET}" }}',
    ),
    Kind("xml_rpc.XmlRpc", xml_rpc_system),
    Kind("digest.Digest", digest_system),
    Kind("ntlm.Ntlm", ntlm_system),
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


async def projects(request: web.Request) -> web.Response:
    """A handler as it is written for most of the classes."""
    async with session(request).http.get("projects", params={"q": "ä & b/c"}) as answer:
        return web.json_response(await answer.json())


async def projects_by_xml_rpc(request: web.Request) -> web.Response:
    """A handler as it is written for XML-RPC."""
    return web.json_response(await call(session(request).http, "projects.list", "ä & b/c"))


ROUTES = [web.get("/projects", projects), web.get("/by-xml-rpc", projects_by_xml_rpc)]


def connector_of(kind: Kind, url: str, folder: Path, *, allowed: str = "") -> AbstractAsyncContextManager[Served]:
    """The connector of one class. `CONNECTOR_LEDGER_KEYS` and files are a test's own."""
    lines = [
        "[end_system]",
        f'profile = "examples.own_classes.{kind.name}"',
        f'base_url = "{url}"',
        f"settings = {kind.settings}",
    ]
    return served(folder, "\n".join([*lines, *([f'allowed_urls = ["{allowed}"]'] if allowed else [])]), routes=ROUTES)


async def initialized(server: Served, password: str = PASSWORD) -> tuple[str, int, dict[str, str]]:
    """Open a session; returns its id, the status and the headers of its calls."""
    settings = [{"key": "user", "value": USER, "sensitive": False}, {"key": "password", "value": password, "sensitive": True}]
    id_ = str(uuid4())
    answer = await server.opshub.initialize(id_, settings, query=SYSTEM)
    assert password not in answer.text
    return id_, answer.status, answer.session_headers if answer.status == 200 else {"code": answer.body["errors"]["code"]}


@each_kind
async def test_a_class_logs_in_serves_calls_and_logs_out(kind: Kind, tmp_path: Path) -> None:
    async with kind.system() as system, connector_of(kind, system.url, tmp_path) as server:
        id_, status, headers = await initialized(server)
        assert (status, len(system.alive)) == (200, 1)
        found = await server.opshub.call("/by-xml-rpc" if kind.system is xml_rpc_system else "/projects", headers)
        ended = await server.opshub.cleanup(id_, headers, SYSTEM)

    assert (found.status, found.body) == (200, ["ä & b/c"])
    assert (ended.status, ended.body["logout"]["outcome"]) == (200, "acknowledged")
    assert not system.alive


@each_kind
async def test_a_wrong_password_is_a_400_and_opens_nothing(kind: Kind, tmp_path: Path) -> None:
    async with kind.system() as system, connector_of(kind, system.url, tmp_path) as server:
        _, status, told = await initialized(server, "wrong-canary")

    assert (status, told) == (400, {"code": "fault_401" if kind.system is xml_rpc_system else "http_401"})
    assert not system.alive


@each_kind
async def test_a_session_that_the_end_system_has_ended_is_already_out(kind: Kind, tmp_path: Path) -> None:
    async with kind.system() as system, connector_of(kind, system.url, tmp_path) as server:
        id_, _, headers = await initialized(server)
        system.alive.clear()
        ended = await server.opshub.cleanup(id_, headers, SYSTEM)

    assert (ended.status, ended.body["logout"]["outcome"]) == (200, "already_out")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.system is not xml_rpc_system], ids=lambda kind: kind.name)
async def test_a_call_that_succeeds_proves_a_later_already_out(kind: Kind, tmp_path: Path) -> None:
    async with kind.system() as system, connector_of(kind, system.url, tmp_path) as server:
        proofs = []
        for calls in (0, 1):
            id_, _, headers = await initialized(server)
            for _ in range(calls):
                assert (await server.opshub.call("/projects", headers)).status == 200
            system.alive.clear()
            proofs.append((await server.opshub.cleanup(id_, headers, SYSTEM)).body["logout"]["proved"])

    assert proofs == [False, True]


@each_kind
async def test_an_end_system_that_is_away_is_a_503_at_the_login_and_owed_at_the_logout(kind: Kind, tmp_path: Path) -> None:
    async with kind.system() as system, connector_of(kind, system.url, tmp_path) as server:
        id_, _, headers = await initialized(server)
    async with connector_of(kind, system.url, tmp_path) as server:
        _, status, told = await initialized(server)
        ended = await server.opshub.cleanup(id_, headers, SYSTEM)

    assert (status, told) == (503, {"code": "connection"})
    assert (ended.status, ended.body["logout"]["outcome"]) == (200, "pending")


@each_kind
async def test_a_class_reaches_nothing_outside_allowed_urls(kind: Kind, tmp_path: Path) -> None:
    elsewhere = f"http://127.0.0.1:{free_port()}/"
    async with kind.system() as system, connector_of(kind, system.url, tmp_path, allowed=elsewhere) as server:
        _, status, told = await initialized(server)

    assert (status, told) == (400, {"code": "target_not_allowed"})
    assert not system.alive


async def test_the_class_of_the_page_works_as_it_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "own-classes.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert code
    (tmp_path / "acme_tracker.py").write_text(code[1])
    monkeypatch.syspath_prepend(tmp_path)
    alive: set[str] = set()

    async def login(request: web.Request) -> web.Response:
        alive.add((await request.json())["user"])
        return web.json_response({"id": USER})

    async def logout(request: web.Request) -> web.Response:
        alive.remove(request.headers["X-Tracker-Session"])
        return web.Response(status=204)

    tracker = web.Application()
    tracker.add_routes([web.post("/api/login", login), web.post("/api/logout", logout)])
    async with TestServer(tracker) as running:
        url = running.make_url("/api")
        section = f'[end_system]\nprofile = "acme_tracker.Tracker"\nbase_url = "{url}"\nsettings = {{ tenant = "emea" }}\n'
        async with served(tmp_path, section) as server:
            id_, status, headers = await initialized(server)
            assert (status, alive) == (200, {USER})
            ended = await server.opshub.cleanup(id_, headers, SYSTEM)

    assert (ended.body["logout"]["outcome"], alive) == ("acknowledged", set())
