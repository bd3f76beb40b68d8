"""Requests as bytes, for what no HTTP client would send."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from tests.api.serving import PATIENCE

HOST = b"Host: connector.test\r\n"


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """The first answer on a connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def send(port: int, *pieces: bytes) -> bytes:
    """Send the pieces one after the other, each when the one before has left, and return all that comes back until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def answer(received: bytes) -> RawAnswer:
    """Take the first answer apart; one that goes to the end of the connection."""
    head, _, body = received.partition(b"\r\n\r\n")
    status_line, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return RawAnswer(int(status_line.split(" ")[1]), headers, body[: int(headers.get("Content-Length", len(body)))])
