"""Sessions from their initialize to their cleanup, and an end system that logs in whoever asks."""

import asyncio
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import cast

from bench.http.authored import CALL
from bench.http.load import SYSTEM
from bench.http.talks import END_OF_HEAD, HOST, LENGTH, OK
from bench.measure import run_on_the_servers_loop
from bench.question import must

PROFILE = Path(__file__).with_suffix(".toml")
CONFIG = '[end_system]\nprofile = "{profile}"\nbase_url = "http://{host}:{port}"\n'
CONNECTIONS, BACKLOG, PATIENCE = 32, 2_048, 120.0
DATA = json.dumps([{"number": number, "name": f"project {number}", "description": "its text " * 5} for number in range(12)])
"""About a kilobyte."""


def end_system() -> None:
    """Answer each login with another token, each `GET` with `DATA`, and each logout, for ever."""
    run_on_the_servers_loop(_serve())


def config(port: int) -> str:
    """Return the configuration of a connector for the end system at this port."""
    return CONFIG.format(profile=PROFILE, host=HOST, port=port)


async def initialized(port: int, sessions: Iterable[str], *, connections: int = CONNECTIONS) -> dict[str, str]:
    """Open each of these sessions, and return the line of the header by which its calls are known."""
    requests = [(id_, request("POST", f"/initialize/{id_}?systemId={SYSTEM}", body="[]")) for id_ in sessions]
    answers = await _asked(port, requests, connections)
    return {id_: header_line(body) for id_, body in answers.items()}


async def used(port: int, seals: dict[str, str]) -> None:
    """Make a call of each session."""
    answers = await _asked(port, [(id_, request("GET", CALL, seal)) for id_, seal in seals.items()])
    must(all(body.decode() == id_ for id_, body in answers.items()), "each call is answered with its own session")


async def cleaned_up(port: int, seals: dict[str, str], *, connections: int = CONNECTIONS) -> None:
    """Clean each session up."""
    path = "/cleanup/{}?systemId=" + SYSTEM + "&cleanupGlobalCache=false"
    answers = await _asked(port, [(id_, request("POST", path.format(id_), seal)) for id_, seal in seals.items()], connections)
    ended = [json.loads(body)["logout"]["outcome"] == "acknowledged" for body in answers.values()]
    must(all(ended), "each cleanup ends the login of its session")


def request(method: str, path: str, line: str = "", body: str = "") -> bytes:
    """Return the bytes of a request with one more line in its head."""
    kind = "Content-Type: application/json\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\n{kind}{line}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def header_line(body: bytes) -> str:
    """Return the line of the header that an initialize has answered."""
    (header, *_) = json.loads(body)
    return f"{header['key']}: {header['value']}\r\n"


async def _asked(port: int, requests: Sequence[tuple[str, bytes]], connections: int = CONNECTIONS) -> dict[str, bytes]:
    """Return the body of each answer, by the id of its session."""
    waiting, answers = iter(requests), dict[str, bytes]()

    async def ask() -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        for id_, request in waiting:
            writer.write(request)
            answers[id_] = await _body(reader)
        writer.close()
        await writer.wait_closed()

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as asking:
        for _ in range(connections):
            asking.create_task(ask())
    return answers


async def _body(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(END_OF_HEAD)
    length = LENGTH.search(head)
    body = await reader.readexactly(int(length[1]) if length else 0)
    must(head.startswith(OK), f"each request is answered 200, and not {(head + body)[:300]!r}")
    return body


async def _serve() -> None:
    tokens = count(1)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(lambda: f"token-{next(tokens)}"), HOST, 0, backlog=BACKLOG)
    print(f"serving host={HOST} port={server.sockets[0].getsockname()[1]}", flush=True)  # noqa: T201 - its parent process reads that
    await server.serve_forever()


class _Connection(asyncio.Protocol):
    """One caller, whose requests have no body that matters."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if END_OF_HEAD in self._received:
            self._transport.write(self._answer())
            self._received = b""

    def _answer(self) -> bytes:
        if self._received.startswith(b"POST /login "):
            return _found(json.dumps({"token": self._token()}))
        return _found(DATA) if self._received.startswith(b"GET ") else b"HTTP/1.1 204 No Content\r\n\r\n"


def _found(body: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
