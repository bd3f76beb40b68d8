"""Requests as bytes, for what no HTTP client would send."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

from tests.api.serving import PATIENCE

SESSION = "6f1c1d2e-0000-4000-8000-00000000000a"
HOST = b"Host: localhost\r\n"
CLEANUP = b"POST /cleanup/" + SESSION.encode() + b" HTTP/1.1\r\n" + HOST
LAST = b"Connection: close\r\n"
STANDSTILL = 1000
"""Turns of the event loop in which a server in this process would have read, if it wanted to."""


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RawConnection:
    """A connection that sends what it is told to."""

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        """`source` is the loopback address that the connection comes from."""
        self._port = port
        self._source = source

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(self._source, 0))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._writer.close()

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> RawAnswer:
        """Wait for the next answer, an interim one included."""
        async with asyncio.timeout(PATIENCE):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
            status_line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines)
            body = await self._reader.readexactly(int(headers.get("Content-Length", 0)))
        return RawAnswer(int(status_line.split(" ")[1]), headers, body)

    async def rest(self) -> bytes:
        """Wait for the connection to end; return what came until then."""
        async with asyncio.timeout(PATIENCE):
            return await self._reader.read()


@asynccontextmanager
async def unread(port: int) -> AsyncIterator[socket.socket]:
    """Open a connection from which nothing is read."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setblocking(False)
        yield connection


async def flood(connection: socket.socket, data: bytes, most: int) -> None:
    """Send this again and again until the server takes no more, or so many bytes were sent."""
    sent, turns = 0, 0
    with suppress(ConnectionError):
        while sent < most and turns < STANDSTILL:
            turns += 1
            with suppress(BlockingIOError):
                sent, turns = sent + connection.send(data), 0
            await asyncio.sleep(0)


async def answer_to(port: int, *pieces: bytes) -> RawAnswer:
    """Send the pieces on a connection of their own, and wait for the first answer."""
    async with RawConnection(port) as connection:
        for piece in pieces:
            await connection.send(piece)
        return await connection.answer()
