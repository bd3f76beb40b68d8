"""An end system of raw bytes: it answers each request with the pieces that it was given, and closes the connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TURNS = 20
"""Turns of the loop in which the client takes what was sent. It runs on the same loop."""


@asynccontextmanager
async def raw_server(*pieces: bytes) -> AsyncIterator[str]:
    """Run the server, and yield its URL. The pieces arrive one by one, because each is sent once the one before was taken."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            for _ in range(TURNS):
                await asyncio.sleep(0)
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.get_running_loop().create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*tasks, return_exceptions=True)
