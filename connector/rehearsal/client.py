"""The client of a rehearsal, which talks only to the given URLs."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp import hdrs
from yarl import URL

from connector.model.errors import ConnectorError
from connector.rehearsal.script import Limits

ANSWER_LIMIT = 1024 * 1024
"""Bytes of an answer that are read."""
HEADER_LIMIT = 64 * 1024
LEAVES = aiohttp.ClientTimeout(total=None, sock_read=0.001)
"""Of a caller that leaves: it counts from when the request was sent."""


class BudgetSpent(ConnectorError):
    """The rehearsal has sent as many requests as it may."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request, or the reason why there is none."""

    url: str
    """The base URL that the request was sent to."""
    status: int | None = None
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    problem: str = ""
    """Why there is no answer."""

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def refuses(self) -> bool:
        """Whether the status is a 4xx."""
        return self.status is not None and 400 <= self.status < 500

    @property
    def json(self) -> Any:
        """The decoded body, None if it is not JSON."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    @property
    def text(self) -> str:
        """Headers and body as one text, for a search."""
        lines = [f"{name}: {value}" for name, value in self.headers]
        return "\n".join([*lines, self.body.decode(errors="replace")])


class Client:
    """Sends requests, each over a connection of its own.

    Follows no redirect, keeps no cookie, takes no proxy from the environment.
    """

    def __init__(self, urls: Sequence[str], limits: Limits) -> None:
        self._urls = urls
        self._limits = limits
        self._allowed = limits.requests
        self.sent = 0
        """Requests so far."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            # A connection for each request, so that a connector which ties sessions to connections is found out.
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
            auto_decompress=False,
            max_line_size=HEADER_LIMIT,
            max_field_size=HEADER_LIMIT,
        )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._session.close()

    def allow(self, further: int) -> None:
        """Allow this many requests on top of the budget."""
        # The final cleanups come on top, or a spent budget would leave sessions open.
        self._allowed = max(self._allowed, self.sent) + further

    async def ask(
        self,
        method: str,
        replica: int,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        *,
        without_length: bool = False,
    ) -> Reply:
        """Send a request to one of the URLs. `replica` is counted round; `path` is percent-encoded already.

        There is an answer within the time limit, whatever the connector does. `without_length` leaves out the `Content-Length` of
        a request without a body, as Java's HttpURLConnection does. Raises `BudgetSpent`.
        """
        base = self._spend(replica)
        middlewares = (_without_length,) if without_length else ()
        try:
            async with asyncio.timeout(self._limits.answer):
                with _translated():
                    return await self._exchange(method, base, path, headers=headers, json=body, middlewares=middlewares)
        except TimeoutError:
            return Reply(base, problem=f"no answer within {self._limits.answer:g} s")
        except _NoAnswer as problem:
            return Reply(base, problem=str(problem))

    async def leave(self, method: str, replica: int, path: str, headers: Mapping[str, str]) -> None:
        """Send a request without a body, and end the connection unless its answer comes at once. Raises `BudgetSpent`."""
        base, options = self._spend(replica), {"headers": headers, "middlewares": (_without_length,), "timeout": LEAVES}
        with suppress(TimeoutError, _NoAnswer):
            async with asyncio.timeout(self._limits.answer):
                with _translated():
                    await self._exchange(method, base, path, **options)

    def _spend(self, replica: int) -> str:
        """Count a request, and return the base URL that it goes to."""
        if self.sent >= self._allowed:
            raise BudgetSpent
        self.sent += 1
        # Counted round, so that a play works with any number of URLs.
        return self._urls[replica % len(self._urls)]

    async def _exchange(self, method: str, base: str, path: str, **options: Any) -> Reply:
        url = URL(base + path, encoded=True)
        async with self._session.request(method, url, allow_redirects=False, **options) as response:
            if response.status == HTTPStatus.SWITCHING_PROTOCOLS:  # what follows is not HTTP/1.1, and may never end
                return Reply(base, response.status, [*response.headers.items()])
            read = bytearray()
            while len(read) < ANSWER_LIMIT and (piece := await response.content.read(ANSWER_LIMIT - len(read))):
                read += piece
            return Reply(base, response.status, [*response.headers.items()], bytes(read))


async def _without_length(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    request.headers.popall(hdrs.CONTENT_LENGTH, None)
    return await handler(request)


class _NoAnswer(Exception):
    """The reason why there is no answer."""


@contextmanager
def _translated() -> Iterator[None]:
    """Turn all errors of a request into words of our own, because aiohttp's hold the URL and the answer."""
    try:
        yield
    except aiohttp.ClientConnectorCertificateError:
        raise _NoAnswer("the certificate does not verify") from None
    except aiohttp.ClientConnectorError:
        raise _NoAnswer("no connection") from None
    except (aiohttp.ClientError, OSError, ValueError):
        raise _NoAnswer("the connection broke, or what came over it is not HTTP") from None
