"""A proxy on loopback whose next answer breaks off, at the place that a test names."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum, auto

from tests.e2e.wire import port_of
from tests.ports import HOST

LARGEST = 2**20


class Break(Enum):
    """Where the connection to OpsHub ends."""

    BEFORE_THE_CONNECTOR = auto()
    """The request is read, and goes nowhere."""
    AT_ONCE = auto()
    """The connector has got the request. It has not answered yet."""
    UNANSWERED = auto()
    """The connector has answered. Nothing of that arrives."""
    IN_THE_HEADER = auto()
    IN_THE_BODY = auto()


class BreakingProxy:
    """Passes on requests to the connector, and keeps them."""

    def __init__(self, target: str) -> None:
        self.requests: list[bytes] = []
        self.next_break: Break | None = None
        self.url = ""
        self._port = port_of(target)
        self._tasks: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, in a task that `end` waits for."""
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def end(self) -> None:
        """End all connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._pass_on(await _message(reader), writer):
                pass
        writer.close()

    async def _pass_on(self, request: bytes, writer: asyncio.StreamWriter) -> bool:
        """Pass on a request and its answer; say whether the connection goes on."""
        self.requests.append(request)
        broken, self.next_break = self.next_break, None
        if broken is Break.BEFORE_THE_CONNECTOR:
            return False
        answers, connector = await asyncio.open_connection(HOST, self._port, limit=LARGEST)
        try:
            connector.write(request)
            await connector.drain()
            answer = b"" if broken is Break.AT_ONCE else await _message(answers)
        finally:
            connector.close()
        writer.write(_part(answer, broken))
        await writer.drain()
        return broken is None


def _part(answer: bytes, broken: Break | None) -> bytes:
    head = answer.index(b"\r\n\r\n") + 4 if answer else 0
    match broken:
        case Break.AT_ONCE | Break.UNANSWERED:
            return b""
        case Break.IN_THE_HEADER:
            return answer[: head // 2]
        case Break.IN_THE_BODY:
            return answer[: (head + len(answer)) // 2]
        case _:
            return answer


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Read a request, or an answer; each of those here has a length or no body."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    length = next((int(value) for name, _, value in fields if name.lower() == b"content-length"), 0)
    return head + await reader.readexactly(length)


@asynccontextmanager
async def breaking_proxy(target: str) -> AsyncIterator[BreakingProxy]:
    """Stand before the connector at `target`."""
    proxy = BreakingProxy(target)
    async with await asyncio.start_server(proxy.accept, HOST, 0, limit=LARGEST) as server:
        proxy.url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
        try:
            yield proxy
        finally:
            await proxy.end()
