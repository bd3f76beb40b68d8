"""Session Logout over HTTP."""

import asyncio
from typing import Any

import aiohttp
import pytest
from multidict import CIMultiDictProxy
from yarl import URL

from connector.config.settings import ServerLimits, ServerSection, Settings
from connector.endsystems.end_system import SessionLogin
from connector.model.outcomes import LogoutOutcome, LogoutResult
from drivers import DriverUnavailable, SystemScope
from tests.api.log import Log
from tests.api.raw import CLEANUP, LAST, SESSION, RawConnection, answer_to
from tests.api.serving import PATIENCE, SHORT, Edge, edge_with_deadline, serving
from tests.doubles import ACKNOWLEDGED, ScriptedEndSystem, hang

GZIP_MAGIC = b"\x1f\x8b\x08"


async def post(http: aiohttp.ClientSession, edge: Edge, path: str, **options: Any) -> tuple[int, Any, CIMultiDictProxy[str]]:
    async with http.post(URL(edge.url + path, encoded=True), **options) as answer:
        return answer.status, await answer.json(), answer.headers


async def away() -> None:
    raise DriverUnavailable("the server at 127.0.0.1:1 refuses connections")


async def defect() -> None:
    raise ZeroDivisionError


async def test_a_cleanup_runs_with_what_the_request_holds_and_answers_with_its_report(http: aiohttp.ClientSession) -> None:
    async with serving() as edge:
        before = await edge.drivers[1].stamp(SystemScope("Ä 1"))
        path = f"/cleanup/%7B{SESSION.upper()}%7D?systemId=%C3%84+1&cleanupGlobalCache=Yes&other=1&other=2"
        status, body, _ = await post(http, edge, path, headers={"X-Token": "t"}, data=b"ignored")
        after = await edge.drivers[1].stamp(SystemScope("Ä 1"))
    assert status == 200
    assert body["sdkSessionId"] == SESSION
    assert (body["systemId"], body["cleanupGlobalCache"], body["logout"]["outcome"]) == ("Ä 1", True, "acknowledged")
    assert {name: step["outcome"] for name, step in body["eviction"].items()} == {"near": "evicted", "authority": "evicted"}
    assert before != after
    [login] = edge.end_system.asked
    assert (login.session_id, login.system_id, login.credential["x-token"]) == (SESSION, "Ä 1", "t")


async def test_a_session_with_neither_system_nor_flag_is_cleaned_up(http: aiohttp.ClientSession) -> None:
    async with serving() as edge:
        status, body, _ = await post(http, edge, f"/cleanup/{SESSION}")
    assert (status, body["systemId"], body["cleanupGlobalCache"]) == (200, None, False)


async def test_of_the_headers_only_those_that_the_end_system_needs_are_kept(http: aiohttp.ClientSession) -> None:
    end_system = ScriptedEndSystem()
    end_system.needed_headers = ["Authorization"]
    async with serving(Edge(end_system=end_system)) as edge:
        await post(http, edge, f"/cleanup/{SESSION}", headers={"authorization": "a", "X-Other": "x"})
    assert dict(end_system.asked[0].credential) == {"authorization": "a"}


async def test_an_end_system_that_has_nothing_to_end_is_not_asked(http: aiohttp.ClientSession) -> None:
    end_system = ScriptedEndSystem()
    end_system.ends_sessions = False
    async with serving(Edge(end_system=end_system)) as edge:
        status, body, _ = await post(http, edge, f"/cleanup/{SESSION}", headers={"Authorization": "a"})
    assert (status, body["logout"]) == (200, {"outcome": "not_applicable", "milliseconds": 0, "attempts": 0})
    assert end_system.asked == []


@pytest.mark.parametrize("base", ["", "/sdk-api/api/1.0", "/mbse/api/1.0"])
@pytest.mark.parametrize(
    "path", ["/cleanup/nonsense", f"/cleanup/{SESSION}?cleanupGlobalCache=true", f"/cleanup/{SESSION}?systemId=%00"]
)
async def test_a_wrong_parameter_is_a_400_and_nothing_is_done(http: aiohttp.ClientSession, base: str, path: str) -> None:
    async with serving() as edge:
        status, body, _ = await post(http, edge, base + path)
    assert status == 400
    errors = body["errors"][0] if base.startswith("/mbse") else body["errors"]
    assert errors.keys() == {"code", "message"}
    assert edge.end_system.asked == []


@pytest.mark.parametrize("base", ["", "/mbse/api/1.0"])
async def test_a_refused_logout_is_a_502_with_the_end_system_s_code_and_the_report(
    http: aiohttp.ClientSession, base: str
) -> None:
    end_system = ScriptedEndSystem(LogoutOutcome(LogoutResult.REFUSED, "X1", "no right to log out"))
    async with serving(Edge(end_system=end_system)) as edge:
        status, body, _ = await post(http, edge, f"{base}/cleanup/{SESSION}")
    error = body["errors"][0] if base else body["errors"]
    assert (status, error["code"]) == (502, "X1")
    assert error["detail"]["logout"]["outcome"] == "refused"
    assert error["detail"]["eviction"]["authority"]["outcome"] == "evicted"


async def test_an_authority_that_cannot_evict_is_a_503_with_its_name_and_retry_after(
    http: aiohttp.ClientSession,
) -> None:
    edge = Edge()
    edge.drivers[1].before_evict = away
    async with serving(edge):
        status, body, headers = await post(http, edge, f"/cleanup/{SESSION}")
    assert (status, body["errors"]["code"]) == (503, "eviction_unavailable")
    assert "'authority'" in body["errors"]["message"]
    assert int(headers["Retry-After"]) > 0
    assert body["errors"]["detail"]["logout"]["outcome"] == "acknowledged"


async def test_a_near_driver_that_cannot_evict_is_a_200_with_its_failure_in_the_report(http: aiohttp.ClientSession) -> None:
    edge = Edge()
    edge.drivers[0].before_evict = away
    async with serving(edge):
        status, body, _ = await post(http, edge, f"/cleanup/{SESSION}")
    assert (status, body["eviction"]["near"]["outcome"]) == (200, "unavailable")


async def test_a_defect_in_a_step_is_a_500_with_the_report(http: aiohttp.ClientSession, log: Log) -> None:
    edge = Edge()
    edge.drivers[0].before_evict = defect
    async with serving(edge):
        status, body, _ = await post(http, edge, f"/cleanup/{SESSION}")
    assert (status, body["errors"]["code"]) == (500, "internal_error")
    assert "ZeroDivisionError" not in str(body)
    [broken, request] = log.lines
    assert "ZeroDivisionError" in broken["exception"]
    assert broken["session"] == request["session"]


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: 6\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3\r\n123\r\n3\r\n456\r\n",
    ],
    ids=["announced", "chunked", "unfinished"],
)
async def test_a_body_over_the_limit_is_a_413_and_nothing_is_done(body: bytes) -> None:
    settings = Settings(server=ServerSection(limits=ServerLimits(body=5)))
    async with serving(Edge(settings)) as edge:
        answer = await answer_to(edge.port, CLEANUP + body)
    assert (answer.status, answer.json["errors"]["code"]) == (413, "body_too_large")
    assert edge.end_system.asked == []


@pytest.mark.parametrize(
    "body", [b"Content-Length: 5\r\n\r\n12345", b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n"]
)
async def test_a_body_up_to_the_limit_is_allowed_and_ignored(body: bytes) -> None:
    settings = Settings(server=ServerSection(limits=ServerLimits(body=5)))
    async with serving(Edge(settings)) as edge:
        answer = await answer_to(edge.port, CLEANUP + body)
    assert answer.status == 200


async def test_a_compressed_body_is_not_unpacked() -> None:
    body = GZIP_MAGIC + b"not gzip at all"
    head = CLEANUP + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with serving() as edge:
        assert (await answer_to(edge.port, head + body)).status == 200


@pytest.mark.parametrize("body", [b"Content-Length: 5\r\n\r\n1234", b"Transfer-Encoding: chunked\r\n\r\n5\r\n1234"])
async def test_a_body_that_does_not_end_in_time_is_a_408_and_nothing_is_done(body: bytes) -> None:
    async with serving(edge_with_deadline(SHORT)) as edge:
        answer = await answer_to(edge.port, CLEANUP + body)
    assert (answer.status, answer.json["errors"]["code"]) == (408, "body_too_slow")
    assert edge.end_system.asked == []


async def test_a_client_that_asks_first_is_told_to_send_its_body() -> None:
    async with serving() as edge, RawConnection(edge.port) as connection:
        await connection.send(CLEANUP + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert (await connection.answer()).status == 100
        await connection.send(b"ok")
        assert (await connection.answer()).status == 200


async def test_a_client_that_leaves_in_the_middle_of_its_body_changes_and_logs_nothing(log: Log) -> None:
    async with serving() as edge:
        async with RawConnection(edge.port) as connection:
            await connection.send(CLEANUP + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n1")
            assert (await connection.answer()).status == 100
        async with asyncio.timeout(PATIENCE):
            await log.written.wait()
    assert [(line["level"], line["status"], line["reason"]) for line in log.lines] == [("info", 400, "body_incomplete")]
    assert edge.end_system.asked == []


async def test_a_client_that_goes_away_during_the_cleanup_changes_nothing() -> None:
    begun, go, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def logout(_: SessionLogin) -> LogoutOutcome:
        begun.set()
        await go.wait()
        done.set()
        return ACKNOWLEDGED

    async with serving(Edge(end_system=ScriptedEndSystem(logout))) as edge:
        async with asyncio.timeout(PATIENCE), RawConnection(edge.port) as connection:
            await connection.send(CLEANUP + b"\r\n")
            await begun.wait()
        go.set()
        assert await edge.orchestrator.drain(PATIENCE) == 0
    assert done.is_set()


async def test_a_cleanup_that_the_end_of_the_server_breaks_off_is_a_503(http: aiohttp.ClientSession) -> None:
    begun = asyncio.Event()

    async def logout(_: SessionLogin) -> LogoutOutcome:
        begun.set()
        await hang()
        return ACKNOWLEDGED

    async with serving(Edge(end_system=ScriptedEndSystem(logout))) as edge, asyncio.TaskGroup() as calls:
        answered = calls.create_task(post(http, edge, f"/cleanup/{SESSION}"))
        await begun.wait()
        assert await edge.orchestrator.drain(0) == 2
    status, body, headers = answered.result()
    assert (status, body["errors"]["code"], headers["Retry-After"]) == (503, "broken_off", "10")


async def test_a_body_that_the_end_of_the_server_breaks_off_is_a_400(monkeypatch: pytest.MonkeyPatch, log: Log) -> None:
    monkeypatch.setattr("connector.api.parser.LAST_ANSWERS", 0.1)
    async with asyncio.TaskGroup() as answers, serving() as edge:
        connection = await RawConnection(edge.port).__aenter__()
        await connection.send(CLEANUP + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n1")
        assert (await connection.answer()).status == 100
        answered = answers.create_task(connection.answer())
    connection.close()
    assert (answered.result().status, answered.result().json["errors"]["code"]) == (400, "body_incomplete")
    assert [(line["event"], line["status"]) for line in log.lines] == [("request", 400)]


async def test_requests_sent_one_after_the_other_without_waiting_are_answered_in_order() -> None:
    async with serving() as edge, RawConnection(edge.port) as connection:
        await connection.send((CLEANUP + b"\r\n") * 2 + b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n" + LAST + b"\r\n")
        assert [(await connection.answer()).status for _ in range(3)] == [200, 200, 404]
        assert await connection.rest() == b""
