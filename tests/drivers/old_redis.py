"""A server that says that it is an old Redis: no test can count on finding a real one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.ports import HOST

INFO = b"# Server\r\nredis_version:6.0.16\r\n"


@asynccontextmanager
async def old_redis() -> AsyncIterator[int]:
    """Serve on a free port: version 6.0.16, which knows `HELLO` and `INFO` and nothing else."""
    server = await asyncio.start_server(_serve, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while command := await _command(reader):
        writer.write(_answer(command[0].upper()))
        await writer.drain()
    writer.close()


async def _command(reader: asyncio.StreamReader) -> list[bytes]:
    header = await reader.readline()
    words = []
    for _ in range(int(header[1:] or 0)):
        size = int((await reader.readline())[1:])
        words.append((await reader.readexactly(size + 2))[:-2])
    return words


def _answer(verb: bytes) -> bytes:
    match verb:
        case b"HELLO":
            return b"%1\r\n+proto\r\n:3\r\n"
        case b"INFO":
            return b"$%d\r\n%s\r\n" % (len(INFO), INFO)
        case _:
            return b"-ERR unknown command\r\n"
