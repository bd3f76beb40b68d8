"""A server in a process of its own, that says where it is by printing its base URL as its first line."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import IO

READY_WITHIN = 60.0
"""Seconds a server may take to come up, on a busy machine."""
GONE_WITHIN = 10.0
"""Seconds a server may take to end, once it was told to."""


@contextmanager
def serving(*command: str | Path, folder: Path | None = None) -> Iterator[str]:
    """Run `command` in `folder`, yield the base URL that it printed, and end it by its own process id."""
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            yield _first_line(process.stdout, command)
        finally:
            process.kill()
            process.wait(GONE_WITHIN)


def _first_line(output: IO[bytes], command: tuple[str | Path, ...]) -> str:
    with DefaultSelector() as selector:
        selector.register(output, EVENT_READ)
        line = output.readline() if selector.select(READY_WITHIN) else b""
    if not line:
        raise RuntimeError(f"this server did not come up, run it by hand to see why: {' '.join(map(str, command))}")
    return line.decode().strip()
