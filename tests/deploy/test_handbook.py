"""The handbook: its commands run as they stand there, and it says what to do about each message of the log."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

from tests.cli.command import surroundings
from tests.deploy.logged import messages

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
WITHIN = 120.0
"""Seconds for some fifteen commands on a busy machine."""


def script() -> str:
    """Return the commands of the section that is run."""
    found = re.search(r"## All of it in a scratch folder.*?```sh\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def beginnings() -> list[str]:
    """Return the beginnings of messages that the page explains."""
    return re.findall(r"^\| `([^|]+)` \| ", PAGE.partition("## Messages of the log")[2], re.MULTILINE)


async def test_the_commands_of_the_handbook_run_as_they_stand_there(tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = await asyncio.create_subprocess_exec(
        *("sh", "-e", "-c", script()),
        cwd=tmp_path,
        env={**surroundings(), "PATH": path},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,  # without a terminal, a hang-up has the configuration read again
    )
    try:
        async with asyncio.timeout(WITHIN):
            told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)

    assert process.returncode == 0, told.decode()
    for part in ("nothing is left", "restored from before.backup", "restore\tledger\trestored"):
        assert part in told.decode()
    assert "keys were added" in (tmp_path / "server.log").read_text()


def test_each_message_of_the_log_is_in_the_handbook_with_what_to_do() -> None:
    known = tuple(beginnings())

    assert [message for message in sorted(messages()) if not message.startswith(known)] == []


def test_the_handbook_explains_no_message_that_is_gone() -> None:
    assert [known for known in beginnings() if not any(message.startswith(known) for message in messages())] == []
