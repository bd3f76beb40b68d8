"""The network between the connector and an end system: a TCP relay that is there or is not, and that may lose answers."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

HOST = re.compile(rb"Host: [^\r]*\r\n")


@dataclass(slots=True)
class Wire:
    """Relays connections to the end system at `target`, a base URL."""

    target: str
    loses_answers_to: bytes | None = None
    """The method of requests whose answer is thrown away when it is complete, and the connection reset instead."""
    relays: set["asyncio.Task[None]"] = field(default_factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection, in a task that `cut` waits for."""
        self.relays.add(asyncio.create_task(self._relay(reader, writer)))

    async def cut(self) -> None:
        """End every relay, and every connection with it."""
        for relay in self.relays:
            relay.cancel()
        if self.relays:
            await asyncio.wait(self.relays)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one request; as a reverse proxy does, it names the host that is asked."""
        where = urlsplit(self.target)
        async with _closing(writer):
            request = HOST.sub(f"Host: {where.netloc}\r\n".encode(), await reader.read(65_536), count=1)
            answer, there = await asyncio.open_connection(where.hostname, where.port)
            async with _closing(there):
                there.write(request)
                requests = asyncio.create_task(copy(reader, there))
                try:
                    if self.loses_answers_to is not None and request.startswith(self.loses_answers_to):
                        await answer.read()
                        writer.transport.abort()
                    else:
                        await copy(answer, writer)
                finally:
                    requests.cancel()
                    await asyncio.wait([requests])


@asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Hand on what comes, until one of the two ends."""
    with suppress(ConnectionError):
        while piece := await source.read(65_536):
            sink.write(piece)
            await sink.drain()


@asynccontextmanager
async def wire(target: str, port: int) -> AsyncIterator[Wire]:
    """Lay a wire from a loopback port to an end system."""
    laid = Wire(target)
    async with await asyncio.start_server(laid.accept, "127.0.0.1", port):
        try:
            yield laid
        finally:
            await laid.cut()


def port_of(url: str) -> int:
    """Return the port of a URL that names one."""
    port = urlsplit(url).port
    assert port is not None
    return port
