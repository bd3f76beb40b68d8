"""An end system that misbehaves on cue: a real server on a loopback port, with the `behaviours` of each path.

It opens no tunnel for whoever takes it for a proxy, and hangs up on whoever speaks TLS to it where it speaks none.
Every request is recorded before it is answered.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tests.endsystems.behaviours import BEHAVIOURS, Canned, FaultySystem, Received, answer, status

__all__ = ["Canned", "FaultySystem", "Received", "faulty_system"]

TLS_HELLO = b"\x16"


@asynccontextmanager
async def faulty_system(tls: ssl.SSLContext | None = None) -> AsyncIterator[FaultySystem]:
    """Run the server; all its connections are gone when the context is left."""
    system = FaultySystem()
    handlers: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        system.connections += 1
        try:
            request = await _request(reader)
            system.received.append(request)
            if system.answers:
                canned = system.answers.pop(0)
                if canned.once is not None:
                    system.waiting.set()
                    await canned.once.wait()
                body = canned.body.encode() if isinstance(canned.body, str) else canned.body
                await answer(writer, canned.status, body, canned.headers)
                return
            behaviour = BEHAVIOURS.get(request.path.partition("/")[2], status)
            await behaviour(system, request, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(serve(reader, writer))
        handlers.add(task)
        task.add_done_callback(handlers.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls, backlog=1024)
    port = server.sockets[0].getsockname()[1]
    system.url = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
    try:
        yield system
    finally:
        server.close()
        for task in [*handlers]:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _request(reader: asyncio.StreamReader) -> Received:
    first = await reader.readexactly(1)
    if first == TLS_HELLO:
        raise ConnectionAbortedError
    lines = (first + await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
    method, target, _ = lines[0].decode("latin-1").split(" ")
    headers = [
        (name.decode().lower(), value.strip(b" ")) for name, _, value in (line.partition(b":") for line in lines[1:] if line)
    ]
    length = int(dict(headers).get("content-length", b"0"))
    return Received(method, target, headers, await reader.readexactly(length))
