"""`connector sessions list --watch`: shown anew in place, or as a document on each line."""

import asyncio
import json
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.cli.command import WITHIN, surroundings
from tests.cli.terminal import at_a_terminal
from tests.control.administered import Administered, administered

WHOLE_SCREEN = "\x1b[?1049h"
MY_OWN_AGAIN = "\x1b[?1049l"
TO_THE_TOP = "\x1b[H"


async def test_a_person_sees_what_fits_on_the_screen_in_place_until_he_interrupts_it(server: Administered) -> None:
    for number in range(1, 31):
        await server.open(number)
    await server.begin(31, unanswered=True)

    exit_code, shown = await at_a_terminal(
        *("sessions", "list", "--watch"), folder=server.folder, columns=80, lines=20, until="and more"
    )

    first, *_ = shown.partition(WHOLE_SCREEN)[2].split(TO_THE_TOP)[2:]
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", first).splitlines()]
    assert exit_code == 0
    assert MY_OWN_AGAIN in shown
    assert re.fullmatch(r"\d\d:\d\d:\d\d  open: 30, opening: 0, unknown: 1", lines[0])
    assert len(lines) <= 20
    assert re.fullmatch(r"6f1c1d2e-0000-4000-8000-000000000031 +A +unknown", lines[2])
    assert sum("open" in line for line in lines[2:]) == 14
    assert "and more: `connector sessions list` has them all" in lines


@asynccontextmanager
async def watching(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Watch the sessions as a script does, and interrupt that at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connector", "sessions", "list", "--watch", "--json"),
        cwd=folder,
        env=surroundings(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WITHIN):
            yield process
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()


async def document(process: asyncio.subprocess.Process) -> list[Any]:
    assert process.stdout is not None
    rows: list[Any] = json.loads(await process.stdout.readline())
    return rows


async def until(process: asyncio.subprocess.Process, sessions: list[int]) -> None:
    """Wait until the document on a line has these sessions."""
    while [int(row["session"][-12:]) for row in await document(process)] != sessions:
        pass


async def test_a_script_gets_one_document_on_each_line_also_when_the_server_has_ended(tmp_path: Path) -> None:
    async with administered(tmp_path) as server, watching(tmp_path) as process:
        await until(process, [])
        await server.open(1)
        await until(process, [1])
        await server.begin(2)
        await until(process, [2, 1])
    async with administered(tmp_path) as server:
        pass
    async with watching(tmp_path) as process:
        await until(process, [2, 1])
        await until(process, [2, 1])
    assert process.stderr is not None
    told = (await process.stderr.read()).decode().splitlines()
    assert told == [f"no server listens at {tmp_path}/control.sock; reading the ledger's file, {tmp_path}/ledger.sqlite3"]
