"""`connector profiles test` that is asked to end, or whose output nobody takes: it ends the login that it has made."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import WITHIN, surroundings
from tests.sessions.desk import PASSWORD, PROFILE, USER, Desk

SETTINGS = ("--setting-env", "user=DESK_USER", "--setting-env", "password=DESK_PASSWORD")


@asynccontextmanager
async def trial(desk: Desk, folder: Path, **streams: Any) -> AsyncIterator[Process]:
    command = ("-m", "connector", "profiles", "test", PROFILE, "--base-url", desk.url, *SETTINGS)
    environ = surroundings({"DESK_USER": USER, "DESK_PASSWORD": PASSWORD})
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=folder, env=environ, stdin=DEVNULL, stderr=PIPE, **streams
    )
    try:
        async with asyncio.timeout(WITHIN):
            yield process
    finally:
        if process.returncode is None:
            process.kill()


@pytest.mark.parametrize("asked_by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("during", ["login", "logout"])
async def test_a_trial_that_is_asked_to_end_ends_its_login_first(tmp_path: Path, asked_by: signal.Signals, during: str) -> None:
    async with Desk() as desk, trial(desk, tmp_path, stdout=DEVNULL) as process:
        waits, goes_on = (desk.logging_in, desk.answering) if during == "login" else (desk.logging_out, desk.ending)
        goes_on.clear()
        await waits.get()
        process.send_signal(asked_by)
        assert process.stderr is not None
        told = await process.stderr.readline()
        goes_on.set()
        await process.wait()

        assert (desk.alive, desk.logins, process.returncode) == (set(), 1, 130)
    assert told == b"waiting until the login is ended; Ctrl-C once more leaves it open\n"


async def test_a_trial_whose_output_nobody_takes_ends_its_login(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        async with Desk() as desk, trial(desk, tmp_path, stdout=writing) as process:
            desk.answering.clear()
            await desk.logging_in.get()
            os.close(reading)
            desk.answering.set()
            await process.wait()

            assert (desk.alive, desk.logins) == (set(), 1)
    finally:
        os.close(writing)
