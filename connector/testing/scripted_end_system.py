"""An end system that answers as a test says: a real server, and no mock of a client."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from connector.testing.on_a_free_port import served


@dataclass(frozen=True, slots=True)
class Received:
    """A request that the end system was sent."""

    method: str
    path: str
    """As it was sent, with what is encoded in it, and without the query."""
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    """By their names, in any case."""
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        """The decoded body. Raises `ValueError` if it is no JSON."""
        return msgspec.json.decode(self.body)


@dataclass(slots=True)
class _Scene:
    """One answer of the script, and how often it is still given; None for ever."""

    answer: Handler
    left: int | None


class ScriptedEndSystem:
    """A real server on loopback. What is not in its script is answered 501, and fails the test of the fixture `end_system`."""

    url: str
    """Its base URL, without a slash at its end."""
    received: list[Received]
    """All requests, in their order."""
    unexpected: list[str]
    """Method and path of those that were not in the script."""

    def __init__(self) -> None:
        self.url, self.received, self.unexpected = "", [], []
        self._script: dict[tuple[str, str], list[_Scene]] = {}
        self._over = asyncio.Event()

    def answers(
        self,
        method: str,
        path: str,
        *,
        status: int = 200,
        json: Any = None,
        text: str | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        times: int | None = None,
        by: Handler | None = None,
    ) -> None:
        """Answer these requests so from now on; with `times`, so often, and then as before. The last script wins.

        Args:
            method: of the requests.
            path: of the requests, without a query.
            status: of the answer.
            json: its body.
            text: its body, if that is no JSON.
            headers: of the answer.
            times: how often; for ever by default.
            by: makes the answer in the place of the above: a handler of aiohttp.
        """

        async def answer(request: web.Request) -> web.Response:  # noqa: ARG001 - all get the same
            body = text if json is None else msgspec.json.encode(json).decode()
            kind = "text/plain" if json is None else "application/json"
            return web.Response(status=status, text=body, content_type=kind if body is not None else None, headers=headers)

        self._script.setdefault((method, path), []).insert(0, _Scene(by or answer, times))

    def breaks(self, method: str, path: str, *, times: int | None = None) -> None:
        """Close the connection in the place of an answer to these requests."""
        self.answers(method, path, times=times, by=_broken)

    def hangs(self, method: str, path: str, *, times: int | None = None) -> None:
        """Never answer these requests."""
        self.answers(method, path, times=times, by=self._hang)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["ScriptedEndSystem"]:
        """Listen on a free port while the context is open."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._answer)
        async with served(application) as self.url:
            try:
                yield self
            finally:
                self._over.set()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        body = await request.read()
        self.received.append(Received(request.method, path, request.query, request.headers, body))
        scene = next((each for each in self._script.get((request.method, path), ()) if each.left != 0), None)
        if scene is None:
            self.unexpected.append(f"{request.method} {path}")
            return web.Response(status=HTTPStatus.NOT_IMPLEMENTED, text="not in the script")
        if scene.left is not None:
            scene.left -= 1
        return await scene.answer(request)

    async def _hang(self, request: web.Request) -> web.StreamResponse:  # noqa: ARG002 - whatever it asks
        await self._over.wait()
        return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)


async def _broken(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return web.Response()
