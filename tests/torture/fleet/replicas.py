"""The replicas of a fleet: each a process that keeps its port, its folder and its wrong clock when it is started again."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.connector_process import ROOT
from tests.ports import HOST, free_port

WITHIN = 60.0
"""Seconds that a start or an end may take, on a busy machine."""
LOOK_EVERY = 0.05


@dataclass(slots=True)
class Replica:
    """One of them."""

    folder: Path
    config: str
    """Without the table `[server]`."""
    environ: Mapping[str, str]
    tick: float
    """Seconds that it counts as a minute of idle time."""
    ahead: float
    """Seconds by which its clock is ahead of everybody's."""
    is_older: bool = False
    """Whether it is of a version that knows nothing of the last layout of the tables, from its next start on."""
    port: int = field(default_factory=free_port)
    _process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process; None if it is not running."""
        return None if self._process is None else self._process.pid

    async def start(self, more: Mapping[str, str] | None = None) -> None:
        """Start it, with these variables besides, and wait until it takes connections. What it logs is in `server.log`."""
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "config.toml"
        deadlines = "deadlines = { drain = 8, shutdown = 10 }"
        config.write_text(f"{self.config}\n[server]\nport = {self.port}\n{deadlines}\n")
        command = ("-m", "tests.ahead", str(self.ahead), "tests.torture.fleet.serving", str(config), str(self.tick))
        version = ("older",) if self.is_older else ()
        environ = {**os.environ, **self.environ, **(more or {}), "PYTHONPATH": str(ROOT)}
        self._process = await asyncio.create_subprocess_exec(sys.executable, *command, *version, env=environ)
        async with asyncio.timeout(WITHIN):
            while not await self._takes_connections():
                if self._process.returncode is not None:
                    raise RuntimeError(f"a replica ended:\n{(self.folder / 'server.log').read_text()[-4000:]}")
                await asyncio.sleep(LOOK_EVERY)

    async def kill(self) -> None:
        """End it by SIGKILL, and wait until it is gone. Twice is fine."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def stop(self) -> int:
        """End it as an administrator does, and return its exit code."""
        assert self._process is not None
        self._process.terminate()
        async with asyncio.timeout(WITHIN):
            return await self._process.wait()

    def pause(self) -> None:
        """Let it do nothing from now on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def lose_its_disk(self) -> None:
        """Kill it, and take all of its files away."""
        await self.kill()
        log = self.folder.with_name(f"{self.folder.name}.log")
        with log.open("a") as kept:
            kept.write((self.folder / "server.log").read_text())
        shutil.rmtree(self.folder)

    async def _takes_connections(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, self.port)
        except OSError:
            return False
        writer.close()
        return True
