"""strace around a running server: its system calls are made to fail, or to be its last."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.provision import how_to_install

WITHIN = 60.0
FILE_CALLS = "pwrite64,pwritev,fsync,fdatasync,ftruncate,rename,unlink"
"""What changes a file, or makes a change last."""


class CannotTrace(Exception):
    """This machine lets nobody trace a process; carries why."""


def threads(pid: int) -> list[int]:
    """Return the ids of the process's threads, the oldest first."""
    return sorted(int(task.name) for task in Path(f"/proc/{pid}/task").iterdir())


@asynccontextmanager
async def traced(*target: str, calls: str, inject: str | None = None, output: Path = Path(os.devnull)) -> AsyncIterator[None]:
    """Trace these system calls while the context is open; `target` is `-p`, an id and, for all its threads, `-f`.

    What is injected, such as `error=EIO:when=3+3`, counts the calls of each name in each thread by themselves. The calls are
    written to `output`, with the names of the files. Raises `CannotTrace`.
    """
    command = ["strace", "-qq", "-y", "-o", str(output), "-e", f"trace={calls}", *target]
    if inject is not None:
        command += ["-e", f"inject={calls}:{inject}"]
    # asyncio's own way of starting it would have a second thread wait for its end
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:  # noqa: ASYNC220
        try:
            await _attached(strace, int(target[-1]))
            yield
        finally:
            strace.terminate()
            await asyncio.to_thread(strace.wait, WITHIN)


async def _attached(strace: subprocess.Popen[str], thread: int) -> None:
    """Wait until the kernel says that the thread is traced, or that it has ended of what was injected."""
    async with asyncio.timeout(WITHIN):
        while not _is_traced(thread):
            if strace.poll() is not None:
                raise CannotTrace(strace.communicate()[1])
            await asyncio.sleep(0.002)


def _is_traced(thread: int) -> bool:
    try:
        status = Path(f"/proc/{thread}/status").read_text()
    except FileNotFoundError:
        return True  # a server at work may make the call, and be killed by it, before anybody has looked
    return "TracerPid:\t0\n" not in status


def lacking() -> str | None:
    """Say why nothing can be traced here, or None."""
    if shutil.which("strace") is None:
        return how_to_install("strace") if sys.platform == "linux" else "there is strace for Linux only"
    tried = subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], check=False, capture_output=True, text=True)
    return f"no process may be traced here: {tried.stderr.strip()}" if tried.returncode else None
