"""Connections that talk to a server. Each begins the next talk when the last one is over."""

import asyncio
import re
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import cast

from bench.http.cores import ASKING, stay_on
from bench.question import SanityCheckFailed
from connector.runtime.open_files import allow_as_many_as_possible

HOST = "127.0.0.1"
OK = b"HTTP/1.1 200 "
END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
Talk = Generator[bytes, bytes, None]
"""Yields one request after the other, and is sent the body of each answer, which is a 200. Raises `SanityCheckFailed`."""


@dataclass(slots=True)
class Talked:
    """The time that all took."""

    latencies: list[float] = field(default_factory=list)
    """Seconds of each talk, from its first request to its last answer."""
    seconds: float = 0.0


async def talk(port: int, connections: int, talks: Iterator[Talk], *, spread: float = 0.0) -> Talked:
    """Have all of these talks, from this process, which stays on a core of its own from now on.

    The connections begin within `spread` seconds, one after the other; at the same instant, if that is 0. Sets no deadline.
    """
    stay_on(ASKING)
    allow_as_many_as_possible()
    loop, talked = asyncio.get_running_loop(), Talked()
    asking = [_Connection(talks, talked.latencies) for _ in range(connections)]
    for connection in asking:
        await loop.create_connection(lambda connection=connection: connection, HOST, port)  # type: ignore[misc]
    begun = time.perf_counter()
    for place, connection in enumerate(asking):
        loop.call_later(spread * place / connections, connection.begin)
    for connection in asking:
        await connection.ended
    talked.seconds = time.perf_counter() - begun
    return talked


class _Connection(asyncio.Protocol):
    """One caller, who waits for each answer."""

    def __init__(self, talks: Iterator[Talk], latencies: list[float]) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._talks = talks
        self._latencies = latencies
        self._received = b""
        self._begun = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def begin(self) -> None:
        """Have one of the talks, if there is one left, and then the next."""
        self._talk = next(self._talks, None)
        if self._talk is None:
            self._transport.close()
            self.ended.set_result(None)
            return
        self._begun = time.perf_counter()
        self._transport.write(next(self._talk))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, complete, body = self._received.partition(END_OF_HEAD)
        length = LENGTH.search(head) if complete else None
        if length is None or len(body) < int(length[1]):
            return
        if head.startswith(OK):
            self._received = b""
            self._go_on(body)
        else:
            self._fail(SanityCheckFailed(f"each request is answered 200, and not {self._received[:300]!r}"))

    def _go_on(self, body: bytes) -> None:
        answered = time.perf_counter()
        try:
            self._transport.write(cast("Talk", self._talk).send(body))
        except StopIteration:
            self._latencies.append(answered - self._begun)
            self.begin()
        except SanityCheckFailed as problem:
            self._fail(problem)

    def connection_lost(self, _problem: Exception | None) -> None:
        self._fail(SanityCheckFailed("the server answers before it closes a connection"))

    def _fail(self, problem: SanityCheckFailed) -> None:
        if not self.ended.done():
            self.ended.set_exception(problem)
