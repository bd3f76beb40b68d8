"""Discovery, health, and what is asked for in a wrong way."""

from typing import Literal

import aiohttp
import pytest
from aiohttp import web

from connector.admin.readiness import WITHOUT_AUTHORITY, WITHOUT_STORE
from connector.api.lifecycle import LIFECYCLE
from connector.config.settings import ConnectorSection, ServerSection, Settings
from drivers import DriverUnavailable
from tests.api.log import Log
from tests.api.raw import SESSION, answer_to
from tests.api.serving import Edge, serving
from tests.doubles import ScriptedDriver

ALL_UP = {"status": "ready", "drivers": {"near": "up", "authority": "up"}, "ledger": "up", "degraded": {}, "replicas": []}


class DownDriver(ScriptedDriver):
    """Answers no ping."""

    async def ping(self) -> None:
        raise DriverUnavailable("the server at 127.0.0.1:1 refuses connections")


async def broken(_: web.Request) -> web.Response:
    """Break, with something in a variable that nobody else should see."""
    password = "-".join(["s3cret", "canary"])
    raise ZeroDivisionError(len(password))


@pytest.mark.parametrize("base", ["", "/sdk-api/api/1.0", "/mbse/api/1.0"])
async def test_discover_tells_name_and_version_under_every_base_path(http: aiohttp.ClientSession, base: str) -> None:
    settings = Settings(connector=ConnectorSection(name="jira", version="2.1"))
    async with serving(Edge(settings)) as edge, http.get(f"{edge.url}{base}/discover") as answer:
        assert (answer.status, await answer.json()) == (200, {"connectorName": "jira", "connectorVersion": "2.1"})


async def test_alive_is_whoever_answers(http: aiohttp.ClientSession) -> None:
    async with serving() as edge, http.get(f"{edge.url}/health/live") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "alive"})


async def test_ready_when_every_driver_answers(http: aiohttp.ClientSession) -> None:
    async with serving() as edge, http.get(f"{edge.url}/health/ready") as answer:
        assert (answer.status, await answer.json()) == (200, ALL_UP)


@pytest.mark.parametrize(("needed", "status", "word"), [("serve", 200, "ready"), ("store", 503, "unavailable")])
async def test_a_driver_that_is_down_is_named_with_its_reason_and_what_that_means(
    http: aiohttp.ClientSession, needed: Literal["serve", "store"], status: int, word: str
) -> None:
    settings = Settings(server=ServerSection(ready=needed))
    drivers = [DownDriver("near", DownDriver.Settings()), DownDriver("far", DownDriver.Settings())]
    async with serving(Edge(settings, drivers=drivers)) as edge, http.get(f"{edge.url}/health/ready") as answer:
        body = await answer.json()
    reason = "the server at 127.0.0.1:1 refuses connections"
    assert (answer.status, body["status"], body["drivers"]) == (status, word, {"near": reason, "far": reason})
    assert body["degraded"] == {"near": WITHOUT_STORE, "far": WITHOUT_AUTHORITY}


async def test_a_ledger_that_does_not_answer_makes_a_server_unavailable(http: aiohttp.ClientSession) -> None:
    async with serving() as edge:
        await edge.ledger.aclose()
        async with http.get(f"{edge.url}/health/ready") as answer:
            body = await answer.json()
    assert (answer.status, body["status"], body["ledger"] == "up") == (503, "unavailable", False)


async def test_a_server_that_is_shutting_down_is_not_ready(http: aiohttp.ClientSession) -> None:
    async with serving() as edge:
        edge.app[LIFECYCLE].drain()
        async with http.get(f"{edge.url}/health/ready") as answer:
            body = await answer.json()
    assert (answer.status, body["status"]) == (503, "draining")


@pytest.mark.parametrize("path", ["/", "/nothing", "/cleanup/", f"/cleanup/{SESSION}/", "/discover/", "//discover", "/health"])
@pytest.mark.parametrize("base", ["", "/mbse/api/1.0"])
async def test_an_unknown_path_is_a_404_in_the_shape_of_the_sdk(base: str, path: str) -> None:
    async with serving() as edge:
        answer = await answer_to(edge.port, f"POST {base}{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    error = {"code": "not_found", "message": "There is nothing at this path."}
    assert (answer.status, answer.json) == (404, {"errors": [error] if base else error})


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", f"/cleanup/{SESSION}", "POST"),
        ("DELETE", f"/mbse/api/1.0/cleanup/{SESSION}", "POST"),
        ("POST", "/discover", "GET, HEAD"),
        ("PUT", "/health/ready", "GET, HEAD"),
    ],
)
async def test_a_wrong_method_is_a_405_that_says_which_is_right(
    http: aiohttp.ClientSession, method: str, path: str, allowed: str
) -> None:
    async with serving() as edge, http.request(method, edge.url + path) as answer:
        body = await answer.json()
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)
    error = body["errors"][0] if path.startswith("/mbse") else body["errors"]
    assert error["code"] == "method_not_allowed"


async def test_the_longest_base_path_decides_the_shape_of_an_error(http: aiohttp.ClientSession) -> None:
    settings = Settings(server=ServerSection(base_paths=["/a", "/m/plain"], mbse_base_paths=["/m", "/ab"]))
    async with serving(Edge(settings)) as edge:
        shapes = {}
        for path in ("/", "/a/x", "/ab/x", "/abc", "/m", "/m/x", "/m/plain/x", "/m/plainer"):
            async with http.get(edge.url + path) as answer:
                shapes[path] = type((await answer.json())["errors"])
    assert [path for path, shape in shapes.items() if shape is list] == ["/ab/x", "/m", "/m/x", "/m/plainer"]


async def test_a_defect_is_a_constant_500_and_its_logged_traceback_holds_no_values(http: aiohttp.ClientSession, log: Log) -> None:
    edge = Edge()
    edge.app.router.add_get("/broken", broken)
    async with serving(edge), http.get(f"{edge.url}/broken") as answer:
        body = await answer.json()
    error = {"code": "internal_error", "message": "The server failed on this request; its log has the reason."}
    assert (answer.status, body) == (500, {"errors": error})
    [defect, request] = log.lines
    assert "ZeroDivisionError: 13" in defect["exception"]
    assert (request["level"], request["status"]) == ("warning", 500)
    assert "s3cret-canary" not in log.text


@pytest.mark.parametrize("path", ["/discover", "/nothing", "/cleanup/x"])
async def test_no_answer_tells_what_the_server_is_built_on(http: aiohttp.ClientSession, path: str) -> None:
    async with serving() as edge, http.post(edge.url + path) as answer:
        assert answer.headers["Server"] == "opshub-connector"
        assert answer.content_type == "application/json"


async def test_each_request_has_one_line_without_path_query_or_header_values(http: aiohttp.ClientSession, log: Log) -> None:
    async with serving() as edge:
        url = f"{edge.url}/sdk-api/api/1.0/cleanup/{SESSION}?systemId=canary-system"
        for _ in range(2):
            async with http.post(url, headers={"Authorization": "canary-token"}) as answer:
                assert answer.status == 200
    first, second = log.lines
    assert first["route"] == "/sdk-api/api/1.0/cleanup/{sdkSessionId}"
    assert (first["method"], first["status"], first["logout"]) == ("POST", 200, "acknowledged")
    assert first["eviction"] == {"near": "evicted", "authority": "evicted"}
    assert first["session"] == second["session"] != ""
    assert first["milliseconds"] >= 0
    assert not [word for word in ("canary", SESSION, "Authorization") if word in log.text]
