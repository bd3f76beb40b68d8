"""A server whose process is stopped for a while, as by a machine that is moved: an answer that came meanwhile is read."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.e2e.connector_process import WITHIN, ConnectorProcess, connector_process
from tests.e2e.opshub import Answer, OpsHub
from tests.sessions.desk import Desk, settings
from tests.sessions.test_cleanup import SYSTEM

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no process can be stopped on this platform")

DEADLINES = "deadlines = { total = 0.3, read = 0.2 }\n"
STOPPED = 4.0
"""Seconds: longer than the answers of a login are waited for with these deadlines. Nothing but time has to pass."""


async def answered_while_stopped(desk: Desk, server: ConnectorProcess, opening: "asyncio.Task[Answer]") -> Answer:
    """Have the end system answer the login while the server is stopped; its caller may get the seal still, or be too late."""
    server.process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(STOPPED)
    desk.answering.set()
    server.process.send_signal(signal.SIGCONT)
    answer = await opening
    assert answer.status in {200, 503}
    return answer


async def end(desk: Desk, server: ConnectorProcess, session: str, answer: Answer) -> str:
    """Wait for the end of the login, and return its token; whoever has its seal asks for it."""
    if answer.status == 200:
        async with OpsHub(server.url) as opshub:
            assert (await opshub.cleanup(session, answer.session_headers, SYSTEM)).status == 200
    return await asyncio.wait_for(desk.ended.get(), WITHIN)


async def test_a_login_that_is_answered_while_the_server_is_stopped_is_ended(desk: Desk, session: str, tmp_path: Path) -> None:
    desk.answering.clear()
    with connector_process(tmp_path, desk.section + DEADLINES) as server:
        async with OpsHub(server.url) as opshub:
            opening = asyncio.create_task(opshub.initialize(session, settings(), query=SYSTEM))
            token = await desk.logging_in.get()
            answer = await answered_while_stopped(desk, server, opening)
        assert await end(desk, server, session, answer) == token
    assert not desk.alive


async def test_a_login_answered_while_an_ending_server_is_stopped_is_ended_by_the_next(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    desk.answering.clear()
    with connector_process(tmp_path, desk.section + DEADLINES) as server:
        async with OpsHub(server.url) as opshub:
            opening = asyncio.create_task(opshub.initialize(session, settings(), query=SYSTEM))
            token = await desk.logging_in.get()
            server.process.send_signal(signal.SIGTERM)
            await opshub.until_ready_answers(503)
            answer = await answered_while_stopped(desk, server, opening)
        assert await server.exit_code() == 0
    with connector_process(tmp_path, desk.section) as server:
        assert await end(desk, server, session, answer) == token
    assert not desk.alive
