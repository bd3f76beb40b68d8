"""Slow parts of a cleanup: an end system, and an author's storage driver."""

import asyncio
from pathlib import Path
from typing import cast

from bench.http.talks import END_OF_HEAD, HOST
from bench.measure import run_on_the_servers_loop
from drivers import DriverSettings, Scope
from drivers.memory import MemoryDriver

PROFILE = Path(__file__).with_suffix(".toml")
BACKLOG = 2_048
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


def end_system() -> None:
    """Answer each `POST /<seconds>/logout` after so many seconds, for ever."""
    run_on_the_servers_loop(_serve())


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, HOST, 0, backlog=BACKLOG)
    print(f"serving host={HOST} port={server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201 - its parent process reads that
    await server.serve_forever()


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if END_OF_HEAD in self._received:
            seconds = float(self._received.split(b"/", 2)[1])
            asyncio.get_running_loop().call_later(seconds, self._transport.write, DONE)


class SlowDriverSettings(DriverSettings):
    """How long an eviction takes."""

    seconds: float


class SlowDriver(MemoryDriver):
    """A memory driver whose evictions are slow, however many there are at once."""

    Settings = SlowDriverSettings

    def __init__(self, name: str, settings: SlowDriverSettings) -> None:
        super().__init__(name, MemoryDriver.Settings())
        self._seconds = settings.seconds

    async def evict(self, *scopes: Scope) -> None:
        """Evict as a memory driver does, later."""
        await asyncio.sleep(self._seconds)
        await super().evict(*scopes)
