"""An end system that tells its connections apart, and ends them on cue."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

TURNS = 20
"""Turns of the loop in which the client reads a head without its body. It runs on the same loop."""


@dataclass(slots=True)
class CountingSystem:
    """What came to the end system, and over which connection."""

    url: str = ""
    requests: list[tuple[int, str]] = field(default_factory=list)
    """The number of the connection and the path, in their order."""
    connections: list[asyncio.Transport] = field(default_factory=list)

    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a request has come."""

    @property
    def numbers(self) -> list[int]:
        """The number of the connection of each request."""
        return [number for number, _ in self.requests]

    def note(self, request: web.Request) -> None:
        """Note a request."""
        assert request.transport is not None
        if request.transport not in self.connections:
            self.connections.append(request.transport)
        self.arrived.set()
        self.requests.append((self.connections.index(request.transport), request.path))


@asynccontextmanager
async def counting_system() -> AsyncIterator[CountingSystem]:
    """Run the server. The last part of a path says what becomes of a request."""
    system = CountingSystem()

    async def answer(request: web.Request) -> web.StreamResponse:
        system.note(request)
        await request.read()
        match request.path.rpartition("/")[2]:
            case "silent":
                assert request.transport is not None
                request.transport.close()
                return web.Response()
            case "last":
                bye = web.json_response({"token": "t"})
                bye.force_close()
                return bye
            case "half":
                return await _half(request)
        return await _in_pieces(request)

    application = web.Application()
    application.router.add_route("*", "/{any:.*}", answer)
    async with TestServer(application) as server:
        system.url = str(server.make_url("")).rstrip("/")
        yield system


async def _in_pieces(request: web.Request) -> web.StreamResponse:
    """Answer the status of the path, 200 if it has none, and the body some time after the head."""
    how = request.path.rpartition("/")[2]
    answer = web.StreamResponse(status=int(how) if how.isdigit() else 200, headers=dict(request.query))
    answer.content_type = "application/json"
    await answer.prepare(request)
    for piece in (b'{"token"', b': "t"}', b" " * (1 << 20 if how == "long" else 0)):
        for _ in range(TURNS):
            await asyncio.sleep(0)
        await answer.write(piece)
    await answer.write_eof()
    return answer


async def _half(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"Content-Length": "100"})
    await answer.prepare(request)
    await answer.write(b"half")
    assert request.transport is not None
    request.transport.close()
    return answer
