"""A way to a database that breaks at a COMMIT: before it arrives, or before its answer comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.ports import HOST

COMMIT = b"COMMIT"


@dataclass(slots=True)
class LossyProxy:
    """Passes on what comes, until it is told to break."""

    target: int
    port: int = 0
    breaks: str = ""
    """`before`: the next COMMIT does not arrive. `after`: it does, and its answer does not."""

    open: "set[asyncio.Task[None]]" = field(default_factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HOST, self.target)
        answering = asyncio.create_task(_pass_on(there, writer))
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                how, self.breaks = (self.breaks, "") if COMMIT in data else ("", self.breaks)
                if how == "after":
                    answering.cancel()
                    await asyncio.wait([answering])
                    back.write(data)
                    rest = asyncio.create_task(_pass_on(reader, back))  # the server is silent before it has all of it
                    await there.read(65536)
                    rest.cancel()
                    await asyncio.wait([rest])
                if how:
                    break
                back.write(data)
        answering.cancel()
        for each in (writer, back):
            each.close()
            with suppress(ConnectionError):
                await each.wait_closed()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)


@asynccontextmanager
async def lossy_proxy(target: int) -> AsyncIterator[LossyProxy]:
    """Run one before the server on this port."""
    proxy = LossyProxy(target)
    server = await asyncio.start_server(proxy.accept, HOST, 0)
    async with server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy
        await asyncio.wait(proxy.open)
