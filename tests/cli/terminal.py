"""A terminal for a command, somebody who answers its prompts, and what stood on it in the end."""

import asyncio
import os
import pty
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.cli.command import WITHIN, surroundings


async def at_a_terminal(
    *arguments: str | Path, folder: Path, answers: Mapping[str, str] | None = None, columns: int = 200
) -> tuple[int, str]:
    """Run `connector` at a terminal, answer each prompt once it shows, and return the exit code and all that was shown."""
    ours, its = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connector", *arguments),
        cwd=folder,
        env=surroundings({"COLUMNS": str(columns), "TERM": "xterm"}),
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,  # so that it does not ask at the terminal of whoever runs the tests
    )
    os.close(its)
    try:
        async with asyncio.timeout(WITHIN):
            shown = await asyncio.to_thread(_everything, ours, dict(answers or {}))
            return await process.wait(), shown
    finally:
        if process.returncode is None:
            process.kill()
        os.close(ours)


def _everything(terminal: int, answers: dict[str, str]) -> str:
    shown = ""
    while piece := _piece(terminal):
        shown += piece
        for prompt in [prompt for prompt in answers if prompt in shown]:
            os.write(terminal, f"{answers.pop(prompt)}\n".encode())
    return shown


def _piece(terminal: int) -> str:
    try:
        return os.read(terminal, 65_536).decode(errors="replace")
    except OSError:  # how Linux tells that nobody is left at the other end
        return ""
