"""What the bench asks servers with: nothing is counted that was not done, and time is charged to where it went."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

import connector.telemetry.logs
import drivers.memory.memory_driver
from bench.http import authored, bare_lives, lives, own, peers, whole_lives
from bench.http.load import Load, load
from bench.http.sampling import Sampler
from bench.http.servers import served
from bench.http.vitals import KNOWN
from bench.measure import isolated
from bench.question import SanityCheckFailed

SPINNING = """
def spin(seconds):
    end = thread_time() + seconds
    while thread_time() < end:
        pass
"""
ROUNDS, TURN = 100, 0.002


async def test_so_many_cleanups_are_asked_for_as_are_wanted(tmp_path: Path) -> None:
    with served(peers.bare_aiohttp, tmp_path) as server:
        found = await load(server.port, 4, cleanups=50)
    assert found.cleanups == 50
    assert 0 < found.p50 <= found.p99 <= found.seconds


@pytest.mark.parametrize(("status", "body"), [(503, "{session}"), (200, "another")])
async def test_an_answer_that_is_not_the_200_of_its_session_ends_the_measuring(status: int, body: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=body.format(**request.match_info))

    application = web.Application()
    application.router.add_post("/cleanup/{session}", answer)
    async with TestServer(application) as server:
        with pytest.raises(SanityCheckFailed):
            await load(server.port or 0, 2, cleanups=2)


@pytest.mark.parametrize("serve", [authored.serve, bare_lives.serve, bare_lives.serve_anew])
async def test_whole_lives_of_sessions_are_led(serve: Callable[[], None], tmp_path: Path) -> None:
    folders = [tmp_path / "end-system", tmp_path / "server"]
    for folder in folders:
        folder.mkdir()
    with served(lives.end_system, folders[0]) as end_system:
        config = lives.config(end_system.port)
        with served(serve, folders[1], config=config, copied=serve is authored.serve) as server:
            found = await whole_lives.led(server.port, 4, 20)
    assert found.cleanups == 20
    assert 0 < found.p50 <= found.p99 <= found.seconds


@pytest.mark.parametrize(("projects", "outcome"), [("another's", "acknowledged"), (lives.DATA, "pending")])
async def test_a_life_with_a_wrong_body_or_a_login_left_open_ends_the_measuring(projects: str, outcome: str) -> None:
    answers = {
        ("POST", "/initialize/{session}"): json.dumps([{"key": "X-Connector-Session", "value": "any"}]),
        ("GET", authored.PROJECTS): projects,
        ("POST", "/cleanup/{session}"): json.dumps({"logout": {"outcome": outcome}}),
    }

    async def answer(request: web.Request) -> web.Response:
        resource = request.match_info.route.resource
        return web.Response(text=answers[request.method, resource.canonical if resource else ""])

    application = web.Application()
    application.add_routes([web.route(method, path, answer) for method, path in answers])
    async with TestServer(application) as server:
        with pytest.raises(SanityCheckFailed):
            await whole_lives.led(server.port or 0, 1, 1)


def test_99_of_100_are_answered_within_p99() -> None:
    assert Load.of([*range(1, 101)], 10.0) == Load(100, 10.0, 51, 100)


async def test_a_server_of_the_bench_tells_its_tasks(tmp_path: Path) -> None:
    with served(own.used, tmp_path) as server:
        await load(server.port, 4, cleanups=20)
        assert await server.call("GET", own.TASKS) > 0


@pytest.mark.skipif(not KNOWN, reason="only Linux tells the processor time of each thread")
async def test_processor_time_is_charged_to_the_part_that_used_it() -> None:
    spent = await isolated(spent_by_two_parts)
    assert sum(spent.values()) == pytest.approx(ROUNDS * TURN * 4, rel=0.2)
    assert spent["log"] / spent["drivers"] == pytest.approx(3, rel=0.5)


async def spent_by_two_parts() -> dict[str, float]:
    """Let one part use three times as much as the other, in turns."""
    log, driver = (_spinning_in(module.__file__) for module in (connector.telemetry.logs, drivers.memory.memory_driver))
    sampler = Sampler()
    sampler.begin()
    for _ in range(ROUNDS):
        log(3 * TURN)
        driver(TURN)
    return sampler.end()


def _spinning_in(file: str | None) -> Any:
    """Make a function that seems to stand in this file."""
    names: dict[str, Any] = {"thread_time": time.thread_time}
    exec(compile(SPINNING, str(file), "exec"), names)
    return names["spin"]
