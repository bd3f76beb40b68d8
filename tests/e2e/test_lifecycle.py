"""Clients that go away and servers that are told to end: a cleanup that has begun is finished."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from tests.cli.terminal import new_terminal
from tests.e2e.barrier import barrier_driver
from tests.e2e.connector_process import ROOT, WITHIN, connector_process
from tests.e2e.held import HeldEndSystem
from tests.e2e.opshub import OpsHub


async def test_a_client_that_disconnects_stops_neither_the_logout_nor_the_eviction(session: str, tmp_path: Path) -> None:
    two_evictions_at_a_time = '[storage]\ndrivers = ["gate"]\n[storage.deadlines]\nevict = 60\n' + barrier_driver("gate", 2)
    async with HeldEndSystem() as end_system:
        with connector_process(tmp_path, two_evictions_at_a_time + end_system.section) as server:
            await begin_a_cleanup_and_disconnect(server.url, session, end_system)
            async with OpsHub(server.url) as opshub, asyncio.timeout(WITHIN), asyncio.TaskGroup() as calls:
                another = calls.create_task(opshub.cleanup(str(uuid4()), {"Authorization": "Bearer stays"}))
                assert await end_system.asked.get() == "Bearer stays"
                end_system.release.set()
            assert another.result().status == 200, "its eviction waits for the one of the client that is gone"
            assert {await end_system.probed.get(), await end_system.probed.get()} == {"Bearer leaves", "Bearer stays"}


async def begin_a_cleanup_and_disconnect(url: str, session: str, end_system: HeldEndSystem) -> None:
    address = urlsplit(url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(f"POST /cleanup/{session} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer leaves\r\n\r\n".encode())
    assert await end_system.asked.get() == "Bearer leaves"
    writer.close()
    await writer.wait_closed()


async def test_a_server_told_to_end_is_not_ready_finishes_its_cleanup_and_exits_with_0(session: str, tmp_path: Path) -> None:
    async with HeldEndSystem() as end_system:
        with connector_process(tmp_path, end_system.section) as server:
            async with OpsHub(server.url) as opshub, asyncio.timeout(WITHIN):
                assert (await opshub.ready()).status == 200
                async with asyncio.TaskGroup() as calls:
                    running = calls.create_task(opshub.cleanup(session, {"Authorization": "Bearer t"}))
                    await end_system.asked.get()
                    server.process.terminate()
                    assert (await opshub.until_ready_answers(503)).body["status"] == "draining"
                    end_system.release.set()
                assert (running.result().status, running.result().body["logout"]["outcome"]) == (200, "verified")
            assert await server.exit_code() == 0


def pipe() -> tuple[int, int]:
    return os.pipe()


def terminal() -> tuple[int, int]:
    return new_terminal()


def sockets() -> tuple[int, int]:
    """As systemd's journal gives one."""
    ours, its = socket.socketpair()
    return ours.detach(), its.detach()


@asynccontextmanager
async def logging_to(written: int, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a server whose log goes to a file descriptor, which is closed here."""
    config = folder / "config.toml"
    config.write_text('[server]\nport = 0\n[logs]\nformat = "json"\n[metrics]\nport = 0\n')
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connector", "serve", "--config", config),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=written,
        stderr=written,
    )
    os.close(written)
    try:
        yield server
    finally:
        if server.returncode is None:
            server.kill()
            await server.wait()


@pytest.mark.parametrize("opened", [pipe, terminal, sockets])
async def test_a_log_whose_reader_stops_reading_stops_neither_cleanups_nor_the_end(
    session: str, tmp_path: Path, opened: Callable[[], tuple[int, int]]
) -> None:
    log, written = opened()
    async with logging_to(written, tmp_path) as server:
        url = await asyncio.to_thread(read_until_it_serves, log)
        async with OpsHub(url) as opshub, asyncio.timeout(2 * WITHIN):
            statuses = {(await opshub.cleanup(session)).status for _ in range(1500)}
            server.terminate()
            assert await server.wait() == 0
    os.close(log)
    assert statuses == {200}


async def test_a_log_whose_reader_has_gone_stops_no_cleanup(session: str, tmp_path: Path) -> None:
    log, written = os.pipe()
    async with logging_to(written, tmp_path) as server:
        url = await asyncio.to_thread(read_until_it_serves, log)
        os.close(log)
        async with OpsHub(url) as opshub, asyncio.timeout(WITHIN):
            assert [(await opshub.cleanup(session)).status for _ in range(3)] == [200, 200, 200]
            server.terminate()
            assert await server.wait() == 0


def read_until_it_serves(log: int) -> str:
    """Read the log until it says where the server serves, and no further."""
    text = ""
    while True:
        text += os.read(log, 1).decode()
        if text.endswith("\n") and "serving" in text:
            entry = json.loads(text)
            if entry["event"] == "serving":
                return f"http://{entry['host']}:{entry['port']}"
        text = "" if text.endswith("\n") else text
