"""How the faulty end system behaves, by path.

/login           logs in whoever sends the form's password "right": 200, with a new token as JSON; anybody else: 401
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
/broken          logs in by a cookie, says so, and closes the connection in the middle of the body
/garbage         answers what is not HTTP
/fine            200 to everything
/echo            418, with the credential for an error code
/status/<n>      answers <n>; of the query, `body`, `error`, `retry-after`, `location`, `set-cookie`, `x-answer` go into
                 the answer
"""

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

ZEROS = b"\0" * (1 << 20)
NO_DATE = f"Mon, 01 Jan {'9' * 20} 00:00:00 GMT"
"""For a `Retry-After`: like a date, of numbers that no date can hold."""


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


@dataclass(frozen=True, slots=True)
class Canned:
    """An answer of a test's making."""

    status: int
    body: str | bytes = ""
    headers: Sequence[tuple[str, str]] = ()
    once: asyncio.Event | None = None
    """What it waits for, if it is late."""


@dataclass(slots=True)
class FaultySystem:
    """What the server knows, and what it did."""

    url: str = ""
    sessions: set[bytes] = field(default_factory=set)
    """Values of `Authorization` that are logged in."""
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    logouts: int = 0
    logins: int = 0
    answers: list[Canned] = field(default_factory=list)
    """Answers for the next requests, whatever their path; then as the paths say."""
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a request has come in whose answer is late."""
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


async def answer(writer: asyncio.StreamWriter, status: int, body: bytes = b"", headers: Sequence[tuple[str, str]] = ()) -> None:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    await writer.drain()


async def _login(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    if parse_qs(request.body.decode()).get("password") != ["right"]:
        await answer(writer, 401, json.dumps({"error": "bad_password"}).encode())
        return
    system.logins += 1
    token = f"t0ken-canary-{system.logins}"
    system.log_in(token)
    await answer(writer, 200, json.dumps({"token": token}).encode())


async def _logout(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    await answer(writer, 204 if system.log_out(request) else 401)


async def _alive(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    await answer(writer, 200 if request.header("authorization") in system.sessions else 401)


async def _before(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    _reset(writer)


async def _after(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    if system.log_out(request):
        _reset(writer)
    else:
        await answer(writer, 401)


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
    # Otherwise the operating system takes some megabytes that nobody reads, how many is a setting of the machine.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, len(ZEROS))
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(ZEROS)
        await writer.drain()
        system.sent += len(ZEROS)


async def _bomb(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    await answer(writer, 200, BOMB, [("Content-Encoding", "gzip")])


async def _short(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
    await writer.drain()


async def _broken(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    system.log_in("b")
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nX-Token: b\r\nSet-Cookie: SID=b\r\n\r\n{"token": "b')
    await writer.drain()


async def _garbage(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 ready for something else\r\n")
    await writer.drain()


async def _fine(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    await answer(writer, 200)


async def _echo(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    token = request.header("authorization").decode().removeprefix("Bearer ")
    await answer(writer, 418, json.dumps({"error": token}).encode())


async def status(system: FaultySystem, request: Received, writer: asyncio.StreamWriter) -> None:
    asked = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
    headers = [(name, asked[name]) for name in ("retry-after", "location", "set-cookie", "x-answer") if name in asked]
    code = request.path.rpartition("/")[2]
    body = asked.get("body", json.dumps({"error": asked.get("error", "none")})) if code not in {"204", "304"} else ""
    await answer(writer, int(code) if code.isdigit() else 404, body.encode(), headers)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset instead of an orderly end."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


BOMB = gzip.compress(ZEROS * 16)
BEHAVIOURS: dict[str, Behaviour] = {
    "login": _login,
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
    "broken": _broken,
    "garbage": _garbage,
    "fine": _fine,
    "echo": _echo,
}
