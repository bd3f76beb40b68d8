"""The server in a process that is killed and started again, hundreds of times.

Python takes half a second to import the server. A process that has imported it (`multiprocessing`'s fork server) is forked for
each start instead; from there on it is the same as `connector serve`.
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.torture.launched import serve_here

WITHIN = 60.0
"""Seconds that a start or an end may take, on a busy machine."""
LOOK_EVERY = 0.005

FORKS = multiprocessing.get_context("forkserver")
PRELOADED = (
    "tests.torture.launched",
    "tests.torture.life.campaign",
    "connector.ledger.sqlite.store",
    "drivers.memory",
    "drivers.sqlite",
)
"""What a server imports, once for all. It is found only if the working directory is the project's when the first one starts."""
FORKS.set_forkserver_preload([*PRELOADED])


class ServerProcess:
    """The server of one configuration, on one port; `serve` is what its process does."""

    def __init__(self, config: Path, port: int, serve: Callable[..., None] = serve_here) -> None:
        self._config = config
        self._port = port
        self._serve = serve
        self._process: ForkServerProcess | None = None
        self.exit_code: int | None = None
        """Of the process that ended last."""

    @property
    def is_running(self) -> bool:
        """Whether it was started, and has not ended."""
        return self._process is not None and self._process.is_alive()

    @property
    def pid(self) -> int:
        assert self._process is not None
        assert self._process.pid is not None
        return self._process.pid

    async def start(self, *arguments: Any, **named: Any) -> None:
        """Start the server and wait until it takes connections. Raises `RuntimeError` if it ends instead.

        The arguments follow the configuration when `serve` is called.
        """
        self._process = FORKS.Process(target=self._serve, args=(self._config, *arguments), kwargs=named, daemon=True)
        self._process.start()
        async with asyncio.timeout(WITHIN):
            while not await self.takes_connections():
                if not self._process.is_alive():
                    said = self._config.with_name("server.log").read_text()[-2000:]
                    raise RuntimeError(f"the server ended with {self._process.exitcode}: {said}")
                await asyncio.sleep(LOOK_EVERY)

    async def kill(self) -> None:
        """End it by SIGKILL, and wait until it is gone. Twice is fine."""
        if self._process is not None:
            self._process.kill()
            await self.ended()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.is_running:
            os.kill(self.pid, number)

    async def gone_within(self, seconds: float) -> bool:
        """Wait at most so long for it to go by itself, and say whether it has."""
        assert self._process is not None
        gone, loop = asyncio.Event(), asyncio.get_running_loop()
        loop.add_reader(self._process.sentinel, gone.set)
        try:
            async with asyncio.timeout(seconds):
                await gone.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(self._process.sentinel)
        return True

    async def ended(self) -> bool:
        """Wait until it is gone, and say whether a SIGKILL did it. Where it does not go by itself it stays, to be killed."""
        process = self._process
        assert process is not None
        await asyncio.to_thread(process.join, WITHIN)
        if (by := process.exitcode) is None:
            return False
        self._process, self.exit_code = None, by
        process.close()
        return by == -signal.SIGKILL

    async def takes_connections(self) -> bool:
        """Tell whether somebody listens on its port."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.close()
        # where nobody listens, a connection that happens to come from the same port is one to itself
        ours, theirs = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        return bool(ours != theirs)
