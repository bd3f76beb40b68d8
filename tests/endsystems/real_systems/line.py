"""The network between the connector and a real system. It keeps what was sent, and it can be cut or lose answers."""

import asyncio
from enum import Enum, auto

from tests.e2e.wire import port_of


class State(Enum):
    """What becomes of a request."""

    UP = auto()
    DOWN = auto()
    """The connection is reset before anything is read."""
    LOSES_ANSWERS = auto()
    """The system answers, and the connection is reset instead of handing the answer on."""


class Line:
    """Relays connections to the system at `target`, one request each, and keeps requests and answers."""

    def __init__(self, target: str) -> None:
        self.state = State.UP
        self.requests: list[bytes] = []
        self.answers: list[bytes] = []
        self._port = port_of(target)
        self._relays: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection, in a task that `end` waits for."""
        self._relays.add(asyncio.create_task(self._relay(reader, writer)))

    def mend(self) -> None:
        """Let everything pass again."""
        self.state = State.UP

    async def end(self) -> None:
        """End every relay, and its connection."""
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    async def ask(self, request: bytes) -> bytes:
        """Send a request to the system, and return its whole answer."""
        answer, there = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            there.write(_once(request))
            return await answer.read()
        finally:
            there.close()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.state is not State.DOWN and (request := await _request(reader)):
                self.requests.append(request)
                answer = await self.ask(request)
                self.answers.append(answer)
                if self.state is State.UP:
                    writer.write(answer)
                    await writer.drain()
                    writer.close()
                    return
            writer.transport.abort()
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.transport.abort()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(value) for name, value in _fields(head) if name == b"content-length"), 0)
    return head + await reader.readexactly(length)


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    pairs = [line.partition(b":") for line in head.split(b"\r\n")[1:] if line]
    return [(name.strip().lower(), value.strip()) for name, _, value in pairs]


def _once(request: bytes) -> bytes:
    """Return the request as one whose connection ends with its answer, which is not to be packed."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    kept = [line for line in lines if line.partition(b":")[0].strip().lower() not in {b"connection", b"accept-encoding"}]
    return b"\r\n".join([first, *kept, b"Connection: close", b"", body])
