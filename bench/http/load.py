"""Cleanups of distinct sessions over some connections. Each connection asks for the next one when it has its answer."""

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from random import Random
from typing import cast
from uuid import UUID

from bench.http.cores import ASKING, stay_on
from bench.measure import isolated
from bench.question import SanityCheckFailed
from connector.runtime.open_files import allow_as_many_as_possible

HOST, SYSTEM = "127.0.0.1", "jira"
REQUEST = (
    "POST /cleanup/{session}?systemId=" + SYSTEM + "&cleanupGlobalCache=false HTTP/1.1\r\n"
    "Host: " + HOST + "\r\nAuthorization: Bearer {session}\r\nContent-Length: 0\r\n\r\n"
)
OK = b"HTTP/1.1 200 "
END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
PATIENCE, SLOWEST = 60.0, 100
"""Seconds that the last answers may take, and cleanups per second that any server does, on a busy machine."""


@dataclass(frozen=True, slots=True)
class Load:
    """The result of many cleanups."""

    cleanups: int
    seconds: float
    """From the first question to the last answer."""
    p50: float
    """Seconds within which half of them were answered."""
    p99: float

    @classmethod
    def of(cls, latencies: Sequence[float], seconds: float) -> "Load":
        """Sum up the times of all cleanups."""
        ordered = sorted(latencies)
        p50, p99 = (ordered[len(ordered) * percent // 100] for percent in (50, 99))
        return cls(len(ordered), seconds, p50, p99)


async def load(port: int, connections: int, *, seconds: float = 0.0, cleanups: int = 0, seed: int | None = None) -> Load:
    """Ask for so many cleanups, or for so long, from a process on a core of its own. The `seed` decides of which sessions."""
    return Load(**await isolated(asked, port=port, connections=connections, seconds=seconds, cleanups=cleanups, seed=seed))


async def asked(port: int, connections: int, seconds: float, cleanups: int, seed: int | None) -> dict[str, float]:
    """Return a `Load`, as a dictionary."""
    end = float("inf") if cleanups else time.perf_counter() + seconds
    sessions = islice(new_sessions(seed, until=end), cleanups or None)
    async with asyncio.timeout(seconds + cleanups / SLOWEST + PATIENCE):
        answers = await ask(port, connections, sessions)
    return asdict(Load.of(answers.latencies, answers.seconds))


def new_sessions(seed: int | None = None, until: float = float("inf")) -> Iterator[str]:
    """Yield ids until this time of `time.perf_counter`: the same ones for the same seed."""
    random = Random(seed)  # noqa: S311 - no secret
    while time.perf_counter() < until:
        yield str(UUID(int=random.getrandbits(128), version=4))


@dataclass(slots=True)
class Answers:
    """The answers to all, each of them the 200 of its own session."""

    latencies: list[float] = field(default_factory=list)
    """Seconds of each."""
    bodies: list[bytes] = field(default_factory=list)
    """Kept if that was asked for."""
    seconds: float = 0.0


async def ask(port: int, connections: int, sessions: Iterator[str], *, spread: float = 0.0, keep_bodies: bool = False) -> Answers:
    """Ask for the cleanup of each session, from this process, which stays on a core of its own from now on.

    The connections begin within `spread` seconds, one after the other; at the same instant, if that is 0. Sets no deadline.
    """
    stay_on(ASKING)
    allow_as_many_as_possible()
    loop, answers = asyncio.get_running_loop(), Answers()
    asking = [_Connection(answers, keep_bodies=keep_bodies) for _ in range(connections)]
    for connection in asking:
        await loop.create_connection(lambda connection=connection: connection, HOST, port)  # type: ignore[misc]
    begun = time.perf_counter()
    for place, connection in enumerate(asking):
        loop.call_later(spread * place / connections, connection.begin, sessions)
    for connection in asking:
        await connection.ended
    answers.seconds = time.perf_counter() - begun
    return answers


class _Connection(asyncio.Protocol):
    """One caller, who waits for each answer."""

    def __init__(self, answers: Answers, *, keep_bodies: bool) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers = answers
        self._keep_bodies = keep_bodies
        self._sessions: Iterator[str] = iter(())
        self._session = ""
        self._received = b""
        self._asked = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def begin(self, sessions: Iterator[str]) -> None:
        """Ask for one of the sessions after the other, as long as there are any."""
        self._sessions = sessions
        self._next()

    def _next(self) -> None:
        session = next(self._sessions, None)
        if session is None:
            self._transport.close()
            self.ended.set_result(None)
            return
        self._session, self._received, self._asked = session, b"", time.perf_counter()
        self._transport.write(REQUEST.format(session=session).encode())

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, complete, body = self._received.partition(END_OF_HEAD)
        length = LENGTH.search(head) if complete else None
        if length is None or len(body) < int(length[1]):
            return
        self._answers.latencies.append(time.perf_counter() - self._asked)
        if not head.startswith(OK) or self._session.encode() not in body:
            self._fail(f"a cleanup is answered 200 with its own session, and not {self._received[:300]!r}")
            return
        if self._keep_bodies:
            self._answers.bodies.append(body)
        self._next()

    def connection_lost(self, _problem: Exception | None) -> None:
        self._fail("the server answers before it closes a connection")

    def _fail(self, problem: str) -> None:
        if not self.ended.done():
            self.ended.set_exception(SanityCheckFailed(problem))
