"""A way to a database on which round trips are counted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.ports import HOST


@dataclass(slots=True)
class CountingProxy:
    """Passes on what comes."""

    target: int
    port: int = 0
    round_trips: int = 0
    """How often something was sent after the last answer had come."""
    _is_answered: bool = True
    _open: "set[asyncio.Task[None]]" = field(default_factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(asyncio.create_task(self._serve(reader, writer)))

    async def aclose(self) -> None:
        """Wait until each connection was ended by its client."""
        await asyncio.wait(self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(HOST, self.target)
        answering = asyncio.create_task(self._answer(there, writer))
        while data := await reader.read(65536):
            self.round_trips += self._is_answered
            self._is_answered = False
            back.write(data)
        back.close()
        await answering
        writer.close()
        await writer.wait_closed()

    async def _answer(self, there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await there.read(65536):
            self._is_answered = True
            writer.write(data)


@asynccontextmanager
async def counting_proxy(target: int) -> AsyncIterator[CountingProxy]:
    """Run one before the server on this port."""
    proxy = CountingProxy(target)
    async with await asyncio.start_server(proxy.accept, HOST, 0) as server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy
        await proxy.aclose()
