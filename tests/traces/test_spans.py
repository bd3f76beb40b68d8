"""What a server does, as a collector of spans gets to see it."""

import asyncio
import signal
from pathlib import Path

import pytest
from aiohttp import web

from connector.api.session_of_request import session as session_of
from connector.model.debts import LogoutState
from tests.e2e.connector_process import connector_process
from tests.e2e.opshub import OpsHub
from tests.ports import free_port
from tests.sessions.desk import MARK, PASSWORD, Desk
from tests.sessions.served import served
from tests.sessions.test_cleanup import GLOBAL, SYSTEM, opened
from tests.traces.collector import Collector

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
OTHERS = "00-11111111111111111111111111111111-2222222222222222-01"
SECRET = "c4nary of a handler"


async def users(request: web.Request) -> web.Response:
    found = session_of(request)

    async def load() -> str:
        async with found.http.get("/me", params={"q": SECRET}) as answer:
            return await answer.text()

    return web.json_response(await found.system.cache.get_or_load(SECRET, load, kind=str))


async def broken(request: web.Request) -> web.Response:
    async def load() -> str:
        raise ValueError(SECRET)

    return web.json_response(await session_of(request).cache.get_or_load(SECRET, load, kind=str))


async def traced_by_itself(request: web.Request) -> web.Response:
    async with session_of(request).http.get("/me", headers={"traceparent": OTHERS}) as answer:
        return web.json_response(await answer.json())


ROUTES = [web.get("/users", users), web.get("/broken", broken), web.get("/own", traced_by_itself)]


async def test_a_cleanup_has_spans_of_all_its_steps_in_the_trace_of_its_caller(
    desk: Desk, session: str, tmp_path: Path, collector: Collector
) -> None:
    async with served(tmp_path, desk.section + collector.section) as server:
        headers = await opened(server, session)
        await server.opshub.cleanup(session, headers | TRACEPARENT, SYSTEM)

    call = collector.one("POST /cleanup/{sdkSessionId}")
    cleanup, logout = collector.one("cleanup"), collector.one("logout")
    assert (call.kind, call.trace, call.parent, call.service) == ("server", TRACE, SPAN, "opshub-connector")
    assert call.about["http.response.status_code"] == 200
    assert collector.below(call) == ["cleanup"]
    assert collector.below(cleanup) == ["eviction", "eviction", "logout"]
    assert (cleanup.about["opshub.outcome"], cleanup.about["opshub.recorded"]) == ("acknowledged", True)
    assert collector.below(logout) == ["POST"]
    assert {span.about["opshub.driver"] for span in collector.named("eviction") if span.trace == TRACE} == {"memory", "sqlite"}
    assert not any(span.failed for span in collector.spans)


async def test_a_logout_has_a_span_for_each_request_without_its_path(
    desk: Desk, session: str, tmp_path: Path, collector: Collector
) -> None:
    async with served(tmp_path, desk.section + collector.section) as server:
        await server.opshub.cleanup(session, await opened(server, session) | TRACEPARENT, SYSTEM)

    (request,) = (span for span in collector.named("POST") if span.trace == TRACE)
    assert (request.kind, request.about) == (
        "client",
        {
            "http.request.method": "POST",
            "server.address": "127.0.0.1",
            "server.port": int(desk.url.rpartition(":")[2]),
            "http.response.status_code": 204,
        },
    )


async def test_a_load_is_one_span_of_the_call_that_needed_it_first(
    desk: Desk, session: str, tmp_path: Path, collector: Collector
) -> None:
    async with served(tmp_path, desk.section + collector.section, routes=ROUTES) as server:
        headers = await opened(server, session)
        for _ in range(2):
            assert (await server.opshub.call("/users", headers)).status == 200

    first, second = sorted(collector.named("GET /users"), key=lambda call: len(collector.below(call)), reverse=True)
    load = collector.one("load")
    assert (load.parent, load.about, collector.below(load)) == (first.id, {"opshub.cache": "system"}, ["GET"])
    assert (second.parent, collector.below(second)) == ("", [])


async def test_what_fails_is_marked_and_tells_the_class_of_its_error_alone(
    desk: Desk, session: str, tmp_path: Path, collector: Collector
) -> None:
    async with served(tmp_path, desk.section + collector.section, routes=ROUTES) as server:
        assert (await server.opshub.call("/broken", await opened(server, session))).status == 500

    call, load = collector.one("GET /broken"), collector.one("load")
    assert (call.failed, call.about["http.response.status_code"]) == (True, 500)
    assert (load.failed, load.about) == (True, {"opshub.cache": "session", "error.type": "ValueError"})


async def test_a_retry_has_a_trace_of_its_own_with_a_link_to_the_try_before(
    desk: Desk, session: str, tmp_path: Path, collector: Collector
) -> None:
    async with served(tmp_path, desk.section + collector.section) as server, asyncio.timeout(30):
        headers = await opened(server, session)
        desk.stuck |= desk.alive
        await server.opshub.cleanup(session, headers | TRACEPARENT, SYSTEM)
        desk.stuck.clear()
        (debt,) = await server.parts.ledger.listing(states=[LogoutState.OWED])
        await server.parts.ledger.make_due(debt.id)
        server.parts.retries.nudge()
        await desk.ended.get()

    retry = collector.one("retry")
    first, second = sorted(collector.named("logout"), key=lambda span: int(str(span.about["opshub.attempts"])))
    assert (first.trace, first.failed, first.about["opshub.outcome"]) == (TRACE, True, "pending")
    assert (second.parent, second.failed, second.about["opshub.outcome"]) == (retry.id, False, "acknowledged")
    assert (first.after, second.after) == ([], [first.id])
    assert (retry.parent, retry.about) == ("", {"opshub.attempts": 1, "opshub.recorded": True})


async def test_a_session_that_is_reaped_has_its_cleanup_below_a_span_of_its_own(
    desk: Desk, session: str, tmp_path: Path, collector: Collector
) -> None:
    config = f"{desk.section}{collector.section}[sessions]\nidle_timeout = 60\n"
    async with served(tmp_path, config, tick=0.01) as server, asyncio.timeout(30):
        await opened(server, session)
        await desk.ended.get()

    reap = collector.one("reap")
    assert (reap.parent, reap.about) == ("", {"opshub.reason": "idle", "opshub.reaped": True})
    assert collector.below(reap) == ["cleanup"]


async def test_no_secret_and_no_id_of_a_request_is_in_what_the_collector_gets(
    desk: Desk, session: str, tmp_path: Path, collector: Collector
) -> None:
    async with served(tmp_path, desk.section + collector.section, routes=ROUTES) as server:
        headers = await opened(server, session, "s3cret-system")
        for path in ("/users", "/broken", f"/nowhere/{SECRET}", f"/users?q={SECRET}"):
            await server.opshub.call(path, headers)
        await server.opshub.cleanup(session, headers, GLOBAL | {"systemId": "s3cret-system"})
        await server.opshub.cleanup("no-uuid", headers, {"systemId": SECRET})

    everything = b"".join(collector.bodies)
    assert len(collector.spans) > 10
    told = (MARK, PASSWORD, SECRET, SECRET.replace(" ", "%20"), session, "s3cret", "no-uuid", "nowhere", *headers.values())
    assert [text for text in told if text.encode() in everything] == []


@pytest.mark.parametrize(("config", "told"), [("", False), ("pass_on_to_end_system = true\n", True)])
async def test_the_end_system_is_told_the_trace_only_if_that_is_asked_for(
    desk: Desk, session: str, tmp_path: Path, collector: Collector, config: str, *, told: bool
) -> None:
    async with served(tmp_path, desk.section + collector.section + config) as server:
        await server.opshub.cleanup(session, await opened(server, session) | TRACEPARENT, SYSTEM)

    login, logout = desk.traceparents
    (request,) = (span for span in collector.named("POST") if span.trace == TRACE)
    assert logout == (f"00-{TRACE}-{request.id}-01" if told else None)
    assert (login is not None) == told


async def test_a_handler_that_names_a_trace_itself_keeps_it(
    desk: Desk, session: str, tmp_path: Path, collector: Collector
) -> None:
    config = f"{desk.section}{collector.section}pass_on_to_end_system = true\n"
    async with served(tmp_path, config, routes=ROUTES) as server:
        await server.opshub.call("/own", await opened(server, session) | TRACEPARENT)

    assert desk.traceparents[-1] == OTHERS


async def test_a_caller_whose_trace_is_not_recorded_has_no_spans(
    desk: Desk, session: str, tmp_path: Path, collector: Collector
) -> None:
    unrecorded = {"traceparent": f"00-{TRACE}-{SPAN}-00"}
    async with served(tmp_path, desk.section + collector.section) as server:
        await server.opshub.cleanup(session, await opened(server, session) | unrecorded, SYSTEM)

    assert [span for span in collector.spans if span.trace == TRACE] == []


async def test_a_traceparent_that_is_none_begins_a_trace_anew(session: str, tmp_path: Path, collector: Collector) -> None:
    async with served(tmp_path, collector.section) as server:
        answer = await server.opshub.cleanup(session, {"traceparent": f"00-{SECRET}"}, SYSTEM)

    call = collector.one("POST /cleanup/{sdkSessionId}")
    assert (answer.status, call.parent, call.trace.strip("0") != "") == (200, "", True)


async def test_questions_about_the_health_have_no_spans(tmp_path: Path, collector: Collector) -> None:
    async with served(tmp_path, collector.section) as server:
        await server.opshub.ready()

    assert collector.named("GET /health/ready") == []


async def test_the_line_of_a_call_in_the_log_names_its_trace(session: str, tmp_path: Path, collector: Collector) -> None:
    with connector_process(tmp_path, collector.section) as server:
        async with OpsHub(server.url) as opshub:
            await opshub.cleanup(session, TRACEPARENT, SYSTEM)
        line = await server.logged("request", route="/cleanup/{sdkSessionId}")
        server.process.send_signal(signal.SIGTERM)
        assert await server.exit_code() == 0

    assert line["trace"] == TRACE
    assert collector.one("cleanup").trace == TRACE  # the last spans are sent before the process ends


async def test_a_collector_that_is_away_costs_spans_and_nothing_else(session: str, tmp_path: Path) -> None:
    environ = {"OTEL_BSP_SCHEDULE_DELAY": "50"}
    with connector_process(tmp_path, f'[traces]\nendpoint = "http://127.0.0.1:{free_port()}/v1/traces"\n', environ) as server:
        async with OpsHub(server.url) as opshub:
            answers = [await opshub.cleanup(session, None, SYSTEM) for _ in range(3)]
            away = await server.logged("the collector does not take spans")
            answers += [await opshub.cleanup(session, None, SYSTEM) for _ in range(3)]
        server.process.send_signal(signal.SIGTERM)
        assert await server.exit_code() == 0

    told = [line for line in server.log.read_text().splitlines() if '"level": "info"' not in line]
    assert {answer.status for answer in answers} == {200}
    assert "refused" in away["reason"]
    assert len(told) == 1  # also at the end, for which it does not wait until the last spans are late
