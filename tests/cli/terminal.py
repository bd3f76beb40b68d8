"""A terminal for a command, somebody who answers its prompts, and what stood on it in the end."""

import asyncio
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.cli.command import WITHIN, surroundings

Acts = dict[str, Callable[[], None]]
"""What to do once some text shows."""
UNLOCK, PEER = 0x40045431, 0x5441
"""`TIOCSPTLCK` and `TIOCGPTPEER` of Linux: Python 3.11 has no names for them."""


async def at_a_terminal(
    *arguments: str | Path,
    folder: Path,
    environ: Mapping[str, str] | None = None,
    answers: Mapping[str, str] | None = None,
    columns: int = 200,
    lines: int = 24,
    until: str | None = None,
) -> tuple[int, str]:
    """Run `connector` at a terminal, answer each prompt once it shows, and return the exit code and all that was shown.

    If it does not end by itself, it is interrupted as soon as `until` shows.
    """
    ours, its = new_terminal()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connector", *arguments),
        cwd=folder,
        env=surroundings({"COLUMNS": str(columns), "LINES": str(lines), "TERM": "xterm", **(environ or {})}),
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,  # so that it does not ask at the terminal of whoever runs the tests
    )
    os.close(its)
    try:
        async with asyncio.timeout(WITHIN):
            interruption: Acts = {} if until is None else {until: partial(process.send_signal, signal.SIGINT)}
            shown = await asyncio.to_thread(_everything, ours, dict(answers or {}), interruption)
            return await process.wait(), shown
    finally:
        if process.returncode is None:
            process.kill()
        os.close(ours)


def _everything(terminal: int, answers: dict[str, str], acts: Acts) -> str:
    shown = ""
    while piece := _piece(terminal):
        shown += piece
        for text in [text for text in acts if text in shown]:
            acts.pop(text)()
        for prompt in [prompt for prompt in answers if prompt in shown]:
            os.write(terminal, f"{answers.pop(prompt)}\n".encode())
    return shown


def _piece(terminal: int) -> str:
    try:
        return os.read(terminal, 65_536).decode(errors="replace")
    except OSError:  # how Linux tells that nobody is left at the other end
        return ""


def new_terminal() -> tuple[int, int]:
    """Open a terminal, and return our end of it and the command's."""
    try:
        return pty.openpty()
    except OSError:  # a bare Debian that was never booted has no /dev/pts
        return _terminal_of_a_mount_of_our_own()


def path_of(terminal: int) -> str:
    """Return by which path another process can open the command's end of a terminal."""
    try:
        return os.ttyname(terminal)
    except OSError:  # it is of the mount of our own, which is gone
        return f"/proc/{os.getpid()}/fd/{terminal}"


def _terminal_of_a_mount_of_our_own() -> tuple[int, int]:
    """Mount the kernel's terminals for as long as it takes to open one. Needs root."""
    with TemporaryDirectory() as folder:
        subprocess.run(["mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0600", "devpts", folder], check=True)
        try:
            ours = os.open(f"{folder}/ptmx", os.O_RDWR | os.O_NOCTTY)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)
        fcntl.ioctl(ours, UNLOCK, struct.pack("i", 0))
        return ours, fcntl.ioctl(ours, PEER, os.O_RDWR | os.O_NOCTTY)
