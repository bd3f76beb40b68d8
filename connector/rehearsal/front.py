"""Stands between the connector and its end system: passes everything on, and fails instead when the play wants it to."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from enum import Enum

import aiohttp
from yarl import URL

from connector.model.errors import ConnectorError
from connector.model.headers import FRAMING

HEAD_LIMIT = 64 * 1024
WITHIN = aiohttp.ClientTimeout(30)


REST = b"Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


class Failure(Enum):
    """How the end system fails: what it answers, or nothing at all."""

    UNAUTHORIZED = b"HTTP/1.1 401 Unauthorized\r\n" + REST
    LIMITED = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\n" + REST
    BROKEN = b""


class CannotListen(ConnectorError):
    """The port on which the connector expects its end system is not free."""


class Front:
    """The end system as the connector sees it, on a port of this machine."""

    def __init__(self, end_system: str, http: aiohttp.ClientSession) -> None:
        self._end_system = end_system
        self._http = http
        self._failure: Failure | None = None
        self.failed = 0
        """Requests that were not passed on."""
        self.open: set[asyncio.StreamWriter] = set()

    @contextmanager
    def failing(self, failure: Failure) -> Iterator[None]:
        """Fail each request that comes while the context is open."""
        self._failure = failure
        try:
            yield
        finally:
            self._failure = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the one request of a connection."""
        self.open.add(writer)
        try:
            # A request that cannot be read or passed on is an end system that breaks the connection.
            with suppress(OSError, EOFError, asyncio.LimitOverrunError, aiohttp.ClientError, ValueError):
                writer.write(await self._answer(reader))
                await writer.drain()
        finally:
            writer.close()
            self.open.discard(writer)

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = [(name, value.strip()) for name, colon, value in (line.partition(":") for line in lines) if colon]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        body = await reader.readexactly(length)
        if self._failure is not None:
            self.failed += 1
            return self._failure.value
        return await self._passed_on(method, target, headers, body)

    async def _passed_on(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
        url = URL(self._end_system + target, encoded=True)
        kept = [pair for pair in headers if pair[0].lower() not in FRAMING]
        async with self._http.request(method, url, headers=kept, data=body or None, allow_redirects=False) as answer:
            content = await answer.read()
            passed = [(name, value) for name, value in answer.headers.items() if name.lower() not in FRAMING]
        passed += [("Content-Length", str(len(content))), ("Connection", "close")]
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{name}: {value}" for name, value in passed)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


@asynccontextmanager
async def standing_before(end_system: str, port: int) -> AsyncIterator[Front | None]:
    """Serve the front of an end system on loopback while the context is open; without an end system there is none.

    Raises:
        CannotListen: the port is taken.
    """
    if not end_system:
        yield None
        return
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=WITHIN,
        auto_decompress=False,
        skip_auto_headers=["User-Agent", "Accept-Encoding", "Content-Type"],
    ) as http:
        front = Front(end_system, http)
        try:
            server = await asyncio.start_server(front.serve, "127.0.0.1", port, limit=HEAD_LIMIT)
        except OSError:
            raise CannotListen(f"port {port} of this machine is taken; --end-system-port names another one") from None
        try:
            yield front
        finally:
            server.close()
            for writer in front.open:
                writer.close()
