"""Cleanups of distinct sessions over some connections. Each connection asks for the next one when it has its answer."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from random import Random
from uuid import UUID

from bench.http.talks import HOST, Talk, talk
from bench.measure import isolated
from bench.question import must

SYSTEM = "jira"
REQUEST = (
    "POST /cleanup/{session}?systemId=" + SYSTEM + "&cleanupGlobalCache=false HTTP/1.1\r\n"
    "Host: " + HOST + "\r\nAuthorization: Bearer {session}\r\nContent-Length: 0\r\n\r\n"
)
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

    latencies: Sequence[float]
    """Seconds of each."""
    bodies: Sequence[bytes]
    """Kept if that was asked for."""
    seconds: float


async def ask(port: int, connections: int, sessions: Iterator[str], *, spread: float = 0.0, keep_bodies: bool = False) -> Answers:
    """Ask for the cleanup of each session, as `talk` does."""
    bodies: list[bytes] = []
    talked = await talk(port, connections, (_cleanup(each, bodies if keep_bodies else None) for each in sessions), spread=spread)
    return Answers(talked.latencies, bodies, talked.seconds)


def _cleanup(session: str, bodies: list[bytes] | None) -> Talk:
    body = yield REQUEST.format(session=session).encode()
    must(session.encode() in body, f"a cleanup is answered with its own session, and not {body[:300]!r}")
    if bodies is not None:
        bodies.append(body)
