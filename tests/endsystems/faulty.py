"""An end system that misbehaves on cue: a real server on a loopback port, with a behaviour for each path.

    /logout          logs out: 204; 401 for a session that it does not know
    /alive           200 while the session lives, 401 after
    /before          resets the connection before the work
    /after           logs out, then resets the connection
    /hang            never answers
    /slow-headers    sends its headers a byte at a time, for ever
    /slow-body       says 200 and sends its body a byte at a time, for ever
    /endless         says 200 and sends its body as fast as it can, for ever
    /bomb            says 200 and sends a gzip of 16 MiB of zeros, although nobody asked for one
    /short           says 200 and promises more bytes than it sends
    /garbage         answers what is not HTTP
    /fine            200 to everything
    /echo            418, with the credential for an error code
    /status/<n>      answers <n>; of the query, `body`, `error`, `retry-after`, `location`, `set-cookie`, `x-answer` go into
                     the answer

It opens no tunnel for whoever takes it for a proxy, and hangs up on whoever speaks TLS to it where it speaks none.
Every request is recorded before it is answered.
"""

import asyncio
import gzip
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

ZEROS = b"\0" * (1 << 20)
TLS_HELLO = b"\x16"


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in."""

    method: str
    target: str
    headers: list[tuple[str, bytes]]
    body: bytes

    @property
    def path(self) -> str:
        return "/status/403" if self.method == "CONNECT" else urlsplit(self.target).path

    def header(self, name: str) -> bytes:
        return next((value for key, value in self.headers if key == name.lower()), b"")


@dataclass(slots=True)
class FaultySystem:
    """What the server knows, and what it did."""

    url: str = ""
    sessions: set[bytes] = field(default_factory=set)
    """Values of `Authorization` that are logged in."""
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    logouts: int = 0
    answers: list[int] = field(default_factory=list)
    """Statuses for the next requests, whatever their path; then as the paths say."""
    sent: int = 0
    """Bytes of the bodies that have no end."""

    def log_in(self, token: str = "t0ken-canary") -> str:
        self.sessions.add(f"Bearer {token}".encode())
        return f"Bearer {token}"

    def log_out(self, request: Received) -> bool:
        credential = request.header("authorization")
        if credential not in self.sessions:
            return False
        self.sessions.discard(credential)
        self.logouts += 1
        return True


Behaviour = Callable[[FaultySystem, Received, asyncio.StreamWriter], Awaitable[None]]


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
                await _answer(writer, system.answers.pop(0))
                return
            behaviour = BEHAVIOURS.get(request.path.partition("/")[2], _status)
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


async def _answer(writer: asyncio.StreamWriter, status: int, body: bytes = b"", **headers: str) -> None:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    await writer.drain()


async def _logout(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    await _answer(writer, 204 if system.log_out(request) else 401)


async def _alive(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    await _answer(writer, 200 if request.header("authorization") in system.sessions else 401)


async def _before(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    _reset(writer)


async def _after(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    if system.log_out(request):
        _reset(writer)
    else:
        await _answer(writer, 401)


async def _hang(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def _slow_headers(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    await _trickle(writer)


async def _slow_body(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    await _trickle(writer)


async def _trickle(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def _endless(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(ZEROS)
        await writer.drain()
        system.sent += len(ZEROS)


async def _bomb(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    await _answer(writer, 200, BOMB, Content_Encoding="gzip")


async def _short(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
    await writer.drain()


async def _garbage(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 ready for something else\r\n")
    await writer.drain()


async def _fine(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    await _answer(writer, 200)


async def _echo(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    token = request.header("authorization").decode().removeprefix("Bearer ")
    await _answer(writer, 418, json.dumps({"error": token}).encode())


async def _status(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    asked = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
    headers = {name: asked[name] for name in ("retry-after", "location", "set-cookie", "x-answer") if name in asked}
    status = request.path.rpartition("/")[2]
    body = asked.get("body", json.dumps({"error": asked.get("error", "none")})) if status not in {"204", "304"} else ""
    await _answer(writer, int(status) if status.isdigit() else 404, body.encode(), **headers)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset instead of an orderly end."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


BOMB = gzip.compress(ZEROS * 16)
BEHAVIOURS: dict[str, Behaviour] = {
    "logout": _logout,
    "alive": _alive,
    "before": _before,
    "after": _after,
    "hang": _hang,
    "slow-headers": _slow_headers,
    "slow-body": _slow_body,
    "endless": _endless,
    "bomb": _bomb,
    "short": _short,
    "garbage": _garbage,
    "fine": _fine,
    "echo": _echo,
}
