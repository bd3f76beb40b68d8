"""Starts another process on a cache file, talks to it, and ends it by its own process id."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ANSWERS_WITHIN = 60.0
"""Seconds that a peer may take for one answer, on a busy machine."""


class PeerProcess:
    """A running `tests.drivers.sqlite_peer`."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def ask(self, line: str) -> str:
        self.tell(line)
        return await self.answer()

    def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())

    async def answer(self) -> str:
        """Return the next line of the peer, or nothing once it has ended."""
        assert self._process.stdout is not None
        async with asyncio.timeout(ANSWERS_WITHIN):
            return (await self._process.stdout.readline()).decode().strip()

    async def kill(self) -> None:
        """End it as the kernel does: at once, whatever it is doing."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


@asynccontextmanager
async def peer_on(path: Path) -> AsyncIterator[PeerProcess]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.drivers.sqlite_peer", path, stdin=PIPE, stdout=PIPE, cwd=Path(__file__).parents[2]
    )
    peer = PeerProcess(process)
    try:
        yield peer
    finally:
        await peer.kill()
