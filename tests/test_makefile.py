"""`make run`, as a person begins: the server comes up, answers OpsHub's call and ends with Ctrl-C."""

import asyncio
import json
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import pytest

from tests.cli.command import surroundings

ROOT = Path(__file__).parent.parent
WITHIN = 60.0
SESSION = "1b4e28ba-2fa1-11d2-883f-0016d3cca427"


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
async def test_make_run_serves_a_cleanup_and_ends_in_good_order_with_ctrl_c() -> None:
    with TemporaryDirectory() as folder:
        await _serves_and_ends(of_its_own(Path(folder)))


async def _serves_and_ends(environ: dict[str, str]) -> None:
    async with made("run", environ) as process, asyncio.timeout(WITHIN):
        port = (await logged(process, "serving"))["port"]
        async with aiohttp.ClientSession() as opshub:
            response = await opshub.post(f"http://127.0.0.1:{port}/cleanup/{SESSION}?systemId=A&cleanupGlobalCache=true")
            report = await response.json()

        os.killpg(process.pid, signal.SIGINT)

        assert (response.status, report["eviction"]["sqlite"]["outcome"]) == (200, "evicted")
        assert await logged(process, "stopped")
        await process.wait()


def of_its_own(folder: Path) -> dict[str, str]:
    """Variables for a server that touches no file and no port of another one."""
    return {
        "CONNECTOR__SERVER__PORT": "0",
        "CONNECTOR__METRICS__PORT": "0",
        "CONNECTOR__STORAGE__SQLITE__PATH": f"{folder}/cache.sqlite3",
        "CONNECTOR__LEDGER__PATH": f"{folder}/ledger.sqlite3",
        "CONNECTOR__LEDGER__KEY_FILE": f"{folder}/ledger.keys",
        "CONNECTOR__CONTROL__SOCKET": f"{folder}/control.sock",
        "CONNECTOR__LOGS__FORMAT": "json",
    }


@asynccontextmanager
async def made(target: str, environ: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `make` in a process group of its own, as a terminal does; nothing of the group is left at the end."""
    process = await asyncio.create_subprocess_exec(
        *("make", target, "ARGS="), cwd=ROOT, env=surroundings(environ), stderr=asyncio.subprocess.PIPE, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)


async def logged(process: asyncio.subprocess.Process, event: str) -> dict[str, object]:
    """Wait for an event in the log."""
    assert process.stderr is not None
    async for line in process.stderr:
        entry = json.loads(line) if line.startswith(b"{") else {}
        if entry.get("event") == event:
            return dict(entry)
    raise AssertionError(f"the server ended without logging `{event}`")
