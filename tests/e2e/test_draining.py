"""A server that is told to end: what has begun has its time, and a load balancer has time to notice."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.e2e.connector_process import WITHIN
from tests.e2e.opshub import OpsHub
from tests.e2e.replicas import Replica
from tests.e2e.unhurried import BEGUN
from tests.sessions.desk import Desk, settings
from tests.sessions.test_cleanup import SYSTEM


async def test_a_handler_that_runs_when_the_server_is_told_to_end_has_all_of_the_deadline(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    with Replica(tmp_path, desk.section, "shutdown = 20").running() as server:
        async with OpsHub(server.url) as opshub:
            headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
            # Longer than the connections have for their last answers, several times over: nothing but time has to pass.
            slow = asyncio.create_task(opshub.call("/slow?seconds=6", headers))
            await server.logged(BEGUN, seconds=6)
            server.process.terminate()
            with pytest.raises(aiohttp.ClientConnectionError):
                await opshub.until_ready_answers(0)
            answer = await slow
        assert await server.exit_code() == 0
    assert (answer.status, answer.body, answer.headers["Connection"]) == (200, session, "close")


async def test_a_handler_that_never_ends_is_broken_off_at_the_deadline_and_the_log_says_so(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    with Replica(tmp_path, desk.section, "shutdown = 0.5").running() as server:
        async with OpsHub(server.url) as opshub:
            headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
            endless = asyncio.create_task(opshub.call("/slow?seconds=3600", headers))
            await server.logged(BEGUN, seconds=3600)
            server.process.terminate()
            assert await server.exit_code() == 0
            with pytest.raises(aiohttp.ClientConnectionError):
                await endless
        assert await server.logged("broken off at the deadline", requests=1, tasks=0)


async def test_a_draining_server_serves_on_and_each_answer_closes_its_connection(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    with Replica(tmp_path, desk.section, "drain = 6").running() as server:
        async with OpsHub(server.url) as opshub:
            before = await opshub.ready()
            server.process.terminate()
            draining = await opshub.until_ready_answers(503)
            opened = await opshub.initialize(session, settings(), query=SYSTEM)
            called = await opshub.call("/slow", opened.session_headers)
            cleaned_up = await opshub.cleanup(session, opened.session_headers, SYSTEM)
        assert await server.exit_code() == 0
    assert ("Connection" in before.headers, draining.body["status"]) == (False, "draining")
    assert [answer.status for answer in (opened, called, cleaned_up)] == [200, 200, 200]
    assert {answer.headers["Connection"] for answer in (draining, opened, called, cleaned_up)} == {"close"}
    assert not desk.alive


async def test_an_idle_connection_does_not_keep_a_server_from_its_end(desk: Desk, tmp_path: Path) -> None:
    with Replica(tmp_path, desk.section, "shutdown = 60").running() as server:
        address = urlsplit(server.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        server.process.terminate()
        async with asyncio.timeout(WITHIN):
            assert await server.exit_code() == 0
            await reader.read()  # to the end
        writer.close()
