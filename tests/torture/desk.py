"""The end system of the torture: it outlives the server, counts what it is asked, and fails as often as it is told to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from random import Random

from aiohttp import web

PROFILE = Path(__file__).with_suffix(".toml")


class Mood(Enum):
    """What happens to one request."""

    FINE = auto()
    UNAVAILABLE = auto()
    """503."""
    BUSY = auto()
    """429, with `Retry-After: 1`."""
    RESET_BEFORE = auto()
    """The connection is reset, and nothing was done."""
    RESET_AFTER = auto()
    """The session is logged out, and the answer lost."""


@dataclass(slots=True)
class Desk:
    """What the end system knows, and what it did."""

    url: str = ""
    alive: set[str] = field(default_factory=set)
    """Values of `Authorization` that are logged in."""
    mood: Callable[[str], Mood] = lambda _: Mood.FINE
    """Decides on each request, by its credential."""
    takes: float = 0.0
    """Seconds of work for each logout."""
    asked: list[tuple[float, str]] = field(default_factory=list)
    """When, by the loop's clock, which credential was asked to be logged out."""
    done: int = 0
    unknown: int = 0
    """How many logouts were asked for of a session that was not logged in, or no longer."""
    at_once: int = 0
    most_at_once: int = 0

    async def logout(self, request: web.Request) -> web.StreamResponse:
        token = request.headers["Authorization"]
        self.asked.append((asyncio.get_running_loop().time(), token))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.takes)
            return self._answered(request, token)
        finally:
            self.at_once -= 1

    def _answered(self, request: web.Request, token: str) -> web.StreamResponse:
        match self.mood(token):
            case Mood.UNAVAILABLE:
                return web.Response(status=503)
            case Mood.BUSY:
                return web.Response(status=429, headers={"Retry-After": "1"})
            case Mood.RESET_BEFORE:
                return _reset(request)
            case Mood.RESET_AFTER:
                self._log_out(token)
                return _reset(request)
            case Mood.FINE:
                return web.Response(status=204 if self._log_out(token) else 401)

    def _log_out(self, token: str) -> bool:
        known = token in self.alive
        self.alive.discard(token)
        self.done += known
        self.unknown += not known
        return known


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def fine(_: str) -> Mood:
    return Mood.FINE


def away(_: str) -> Mood:
    return Mood.RESET_BEFORE


def unavailable(_: str) -> Mood:
    return Mood.UNAVAILABLE


def at_times(random: Random, share: float) -> Callable[[str], Mood]:
    """Fail in one way or another this share of the requests."""
    failures = [mood for mood in Mood if mood is not Mood.FINE]
    return lambda _: random.choice(failures) if random.random() < share else Mood.FINE


def at_first(share: int) -> Callable[[str], Mood]:
    """Fail the first request of every so-many-th credential."""
    seen: dict[str, bool] = {}

    def mood(token: str) -> Mood:
        if token in seen:
            return Mood.FINE
        seen[token] = True
        return Mood.FINE if len(seen) % share else Mood.UNAVAILABLE

    return mood


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    """Run the end system on a free loopback port."""
    system = Desk()
    application = web.Application()
    application.router.add_post("/logout", system.logout)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        host, port, *_ = runner.addresses[0]
        system.url = f"http://{host}:{port}"
        yield system
    finally:
        await runner.cleanup()
