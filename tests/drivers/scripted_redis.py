"""A server that says that it is a Redis, and answers as it is told: for versions and moments that no real server gives a test."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from tests.ports import HOST

HELLO = b"%1\r\n+proto\r\n:3\r\n"


def info(version: str) -> bytes:
    """The answer to `INFO` of a master of this version."""
    text = f"# Server\r\nredis_version:{version}\r\nredis_mode:standalone\r\nrole:master\r\n".encode()
    return b"$%d\r\n%s\r\n" % (len(text), text)


@asynccontextmanager
async def scripted_redis(answers: Mapping[str, bytes], otherwise: bytes = b"-ERR unknown command\r\n") -> AsyncIterator[int]:
    """Serve on a free port, with these answers to these commands."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while command := await _command(reader):
            writer.write(answers.get(command[0].decode().upper(), otherwise))
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        yield server.sockets[0].getsockname()[1]


async def _command(reader: asyncio.StreamReader) -> list[bytes]:
    header = await reader.readline()
    words = []
    for _ in range(int(header[1:] or 0)):
        size = int((await reader.readline())[1:])
        words.append((await reader.readexactly(size + 2))[:-2])
    return words
