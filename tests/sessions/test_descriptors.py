"""A server that has no descriptor left: what it has done it can still write down."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e.connector_process import ROOT, WITHIN, ConnectorProcess, connector_process, started
from tests.e2e.opshub import OpsHub
from tests.sessions.desk import Desk, settings
from tests.sessions.test_cleanup import SYSTEM

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on descriptors on this platform")


@contextmanager
def hogging_process(folder: Path, config: str) -> Iterator[ConnectorProcess]:
    """A server whose handler `POST /hog` takes all descriptors that are left."""
    file = folder / "config.toml"
    file.write_text(f'{config}\n[server]\nport = 0\n[logs]\nformat = "json"\n[metrics]\nenabled = false\n')
    command = (sys.executable, "-m", "tests.sessions.hogging", file)
    with started(command, folder, {**os.environ, "PYTHONPATH": str(ROOT)}) as server:
        yield server


async def opened(opshub: OpsHub, session: str) -> dict[str, str]:
    return (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers


async def leave_no_descriptor(opshub: OpsHub, headers: dict[str, str]) -> None:
    assert (await opshub.call("/hog", headers, "POST")).body > 0


async def test_a_login_that_is_made_when_no_descriptor_is_left_is_recorded(desk: Desk, session: str, tmp_path: Path) -> None:
    with hogging_process(tmp_path, desk.section) as server:
        async with OpsHub(server.url) as opshub:
            other = await opened(opshub, str(uuid4()))
            await desk.logging_in.get()
            desk.answering.clear()
            opening = asyncio.create_task(opened(opshub, session))
            token = await desk.logging_in.get()
            await leave_no_descriptor(opshub, other)
            desk.answering.set()
            headers = await opening
        server.process.kill()
    with connector_process(tmp_path, desk.section) as server:
        async with OpsHub(server.url) as opshub:
            assert (await opshub.cleanup(session, headers, SYSTEM)).body["logout"]["outcome"] == "acknowledged"
    assert token not in desk.alive


async def test_a_logout_that_finds_no_descriptor_left_is_owed(desk: Desk, session: str, tmp_path: Path) -> None:
    with hogging_process(tmp_path, desk.section) as server:
        async with OpsHub(server.url) as opshub:
            headers = await opened(opshub, session)
            await leave_no_descriptor(opshub, headers)
            answer = await opshub.cleanup(session, headers, SYSTEM)
        server.process.kill()
    assert (answer.status, answer.body["logout"]["outcome"]) == (200, "pending")
    with connector_process(tmp_path, desk.section):
        assert await asyncio.wait_for(desk.ended.get(), WITHIN)
    assert not desk.alive
