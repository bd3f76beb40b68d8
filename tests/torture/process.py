"""The server in a process that is killed and started again, hundreds of times.

Python takes half a second to import the server. A process that has imported it (`multiprocessing`'s fork server) is forked for
each start instead; from there on it is the same as `connector serve`.
"""

import asyncio
import multiprocessing
import signal
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from tests.torture.failpoints import Failpoint
from tests.torture.launched import serve_here

WITHIN = 60.0
"""Seconds that a start or an end may take, on a busy machine."""
LOOK_EVERY = 0.005

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.torture.launched", "connector.ledger.store", "drivers.memory", "drivers.sqlite"])


class ServerProcess:
    """The server of one configuration, on one port."""

    def __init__(self, config: Path, port: int) -> None:
        self._config = config
        self._port = port
        self._process: ForkServerProcess | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        assert self._process.pid is not None
        return self._process.pid

    async def start(self, failpoint: Failpoint | None = None, *, batch: int | None = None) -> None:
        """Start the server and wait until it takes connections. Raises `RuntimeError` if it ends instead."""
        self._process = FORKS.Process(target=serve_here, args=(self._config, failpoint, batch), daemon=True)
        self._process.start()
        async with asyncio.timeout(WITHIN):
            while not await self.takes_connections():
                if not self._process.is_alive():
                    raise RuntimeError(f"the server ended: {self._config.with_name('server.log').read_text()[-2000:]}")
                await asyncio.sleep(LOOK_EVERY)

    async def kill(self) -> None:
        """End it by SIGKILL, and wait until it is gone. Twice is fine."""
        if self._process is not None:
            self._process.kill()
            await self.ended()

    async def ended(self) -> bool:
        """Wait until it is gone, and say whether a SIGKILL did it. Where it does not go by itself it stays, to be killed."""
        process = self._process
        assert process is not None
        await asyncio.to_thread(process.join, WITHIN)
        if (by := process.exitcode) is None:
            return False
        self._process = None
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
