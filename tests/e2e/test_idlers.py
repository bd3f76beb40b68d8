"""All the connections that a server may have, taken by clients that send nothing."""

import asyncio
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import pytest

from tests.e2e.connector_process import WITHIN, connector_process
from tests.e2e.held import HeldEndSystem
from tests.e2e.opshub import OpsHub

FILES = 256
"""That the server may have open, so that a few hundred clients are more than enough."""
IDLERS = 3 * FILES
FEW_FILES = ("sh", "-c", f'ulimit -n {FILES}; exec "$@"', "sh")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no limit of open files")


async def test_a_cleanup_under_way_is_finished_while_idlers_take_all_connections(tmp_path: Path) -> None:
    async with HeldEndSystem() as end_system, asyncio.timeout(2 * WITHIN):
        with connector_process(tmp_path, end_system.section, launcher=FEW_FILES) as server:
            async with OpsHub(server.url) as opshub:
                session, late = str(uuid4()), str(uuid4())
                running = asyncio.create_task(opshub.cleanup(session, {"Authorization": "Bearer one"}))
                assert await end_system.asked.get() == "Bearer one"
                with idlers(server.url):
                    end_system.release.set()
                    assert (await running).body["logout"]["outcome"] == "verified"
                    assert (await opshub.cleanup(late, {"Authorization": "Bearer two"})).body["logout"]["outcome"] == "verified"
                    assert await end_system.asked.get() == "Bearer two"
    assert states(tmp_path) == {session: "closed", late: "closed"}


async def test_idlers_keep_nobody_from_the_metrics(tmp_path: Path) -> None:
    with connector_process(tmp_path, "", launcher=FEW_FILES) as server:
        url = (await server.logged("serving metrics"))["url"]
        with idlers(url):
            async with aiohttp.ClientSession() as http, http.get(url) as answer:
                assert "connector_build_info" in await answer.text()


@contextmanager
def idlers(url: str) -> Iterator[None]:
    """Connect again and again, and wait for nothing."""
    parts = urlsplit(url)
    with ExitStack() as stack:
        for _ in range(IDLERS):
            idler = stack.enter_context(socket.socket())
            idler.setblocking(False)
            idler.connect_ex((parts.hostname or "", parts.port or 0))
        yield


def states(folder: Path) -> dict[str, str]:
    with closing(sqlite3.connect(folder / "var" / "ledger.sqlite3")) as ledger:
        return dict(ledger.execute("SELECT session_id, state FROM debts").fetchall())
