"""The end system of the life of sessions: it outlives every server, and knows when each login was asked for, told and ended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from pathlib import Path
from random import Random

from aiohttp import web

from tests.ports import free_port
from tests.torture.life.calls import now

PROFILE = Path(__file__).with_suffix(".toml")
ASKED: web.RequestKey[float] = web.RequestKey("asked", float)
"""When a request came."""


class Regime(StrEnum):
    """How the end system behaves for a while."""

    FINE = "fine"
    ROUGH = "rough"
    """Every third request fails in some way."""
    SLOW = "slow"
    """A request takes up to seconds, longer than the caller of a login is let wait."""
    REFUSING = "refusing"
    """Most requests are refused."""
    AWAY = "away"
    """Nobody listens."""


class Fate(Enum):
    """What happens to one request."""

    FINE = auto()
    UNAVAILABLE = auto()
    BUSY = auto()
    REFUSED = auto()
    RESET_BEFORE = auto()
    """The connection is reset, and nothing was done."""
    RESET_AFTER = auto()
    """It was done, and the connection is reset: the end system itself has told nobody."""


FAILURES = {
    Regime.ROUGH: (0.3, (Fate.UNAVAILABLE, Fate.BUSY, Fate.RESET_BEFORE, Fate.RESET_AFTER, Fate.REFUSED)),
    Regime.REFUSING: (0.6, (Fate.REFUSED,)),
}
"""The share of requests that fail, and how."""
LONGEST = {Regime.FINE: 0.005, Regime.ROUGH: 0.05, Regime.SLOW: 2.5, Regime.REFUSING: 0.01, Regime.AWAY: 0.005}
"""Seconds that a request may take."""


@dataclass(slots=True)
class Login:
    """One login, as the end system alone knows it."""

    ticket: str
    token: str
    asked: float
    """When its first request came."""
    told: float = 0.0
    """When the end system last answered a request that carried or made it."""
    untold: bool = False
    """Whether the end system broke off the answer that should have told the token: nobody could ever end it."""
    alive: bool = True
    asked_to_end: list[float] = field(default_factory=list)
    """When each request of a logout came."""


class EndSystem:
    """Makes logins and ends them, and behaves as its regime says."""

    def __init__(self, random: Random) -> None:
        self.regime = Regime.FINE
        self.logins: list[Login] = []
        self.serial = 0
        """The number of the value that was given out last."""
        self._random = random
        self._by_token: dict[str, Login] = {}
        self._requests = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def alive(self) -> set[str]:
        """The tokens that are logged in."""
        return {login.token for login in self.logins if login.alive}

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/login", self._failing(self._log_in)),
            web.post("/enter", self._failing(self._enter)),
            web.get("/serial", self._failing(self._give_serial)),
            web.get("/leave", self._failing(self._prepare_to_leave)),
            web.post("/logout", self._failing(self._log_out)),
            web.get("/me", self._failing(self._is_in)),
        ]

    def _failing(self, do: Callable[[web.Request], Awaitable[web.Response]]) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Have a request meet its fate; what it asks for is done before, between or after its share of time."""

        async def handle(request: web.Request) -> web.Response:
            request[ASKED] = now()
            await request.read()
            login = self._login_of(request)
            if login is not None and request.path in {"/leave", "/logout"}:
                login.asked_to_end.append(request[ASKED])
            with self._at_work():
                fate, before, after = self._drawn()
                await asyncio.sleep(before)
                if fate not in {Fate.FINE, Fate.RESET_AFTER}:
                    return _failed(request, fate)
                response = await do(request)
                await asyncio.sleep(after)
                return self._answered(request, response, fate)

        return handle

    async def idle(self) -> None:
        """Wait until nothing is being worked on, be it for a server that is dead."""
        await self._idle.wait()

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        self._requests += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._requests -= 1
            if not self._requests:
                self._idle.set()

    def _drawn(self) -> tuple[Fate, float, float]:
        """Return what happens to a request, and the seconds that pass before and after it is done."""
        share, ways = FAILURES.get(self.regime, (0.0, ()))
        fate = self._random.choice(ways) if self._random.random() < share else Fate.FINE
        seconds, part = self._random.random() ** 3 * LONGEST[self.regime], self._random.random()
        return fate, seconds * part, seconds * (1 - part)

    def _answered(self, request: web.Request, response: web.Response, fate: Fate) -> web.Response:
        login = self._by_token.get(response.headers.get("X-Token", "")) or self._login_of(request)
        if login is not None:
            login.told = now()
            login.untold |= fate is Fate.RESET_AFTER and request.path == "/login"
        return _reset(request) if fate is Fate.RESET_AFTER else response

    async def _log_in(self, request: web.Request) -> web.Response:
        ticket = (await request.json())["ticket"]
        login = Login(ticket, f"{ticket}/{len(self.logins)}", request[ASKED])
        self.logins.append(login)
        self._by_token[login.token] = login
        return web.json_response({"token": login.token}, headers={"X-Token": login.token})

    async def _enter(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if self._is_alive(request) else 401, headers={"X-Seat": "window"})

    async def _give_serial(self, request: web.Request) -> web.Response:
        login = self._login_of(request)
        if login is None or not login.alive:
            return web.Response(status=401)
        self.serial += 1
        return web.json_response({"ticket": login.ticket, "serial": self.serial})

    async def _prepare_to_leave(self, request: web.Request) -> web.Response:
        return web.json_response({"pass": "pass"}) if self._is_alive(request) else web.Response(status=401)

    async def _log_out(self, request: web.Request) -> web.Response:
        login = self._login_of(request)
        if login is None or not login.alive:
            return web.Response(status=401)
        login.alive = False
        return web.Response(status=204)

    async def _is_in(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if self._is_alive(request) else 401)

    def _is_alive(self, request: web.Request) -> bool:
        login = self._login_of(request)
        return login is not None and login.alive

    def _login_of(self, request: web.Request) -> Login | None:
        return self._by_token.get(request.headers.get("Authorization", "").removeprefix("Bearer "))


class Listening:
    """The end system on a loopback port, which can be closed and opened again."""

    def __init__(self, system: EndSystem, runner: web.AppRunner) -> None:
        self.system = system
        self.port = free_port()
        self._runner = runner
        self._site: web.TCPSite | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def behave(self, regime: Regime) -> None:
        """Behave like this from now on; where it is away, nobody listens."""
        self.system.regime = regime
        if regime is Regime.AWAY:
            await self.close()
        else:
            await self.open()

    async def open(self) -> None:
        """Listen, on the same port every time. Twice is fine."""
        if self._site is None:
            self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=1024, reuse_address=True)
            await self._site.start()

    async def close(self) -> None:
        """Take no more connections; what has begun goes on. Twice is fine."""
        if self._site is not None:
            site, self._site = self._site, None
            await site.stop()


@asynccontextmanager
async def listening(random: Random) -> AsyncIterator[Listening]:
    """Run an end system on a free loopback port."""
    system, application = EndSystem(random), web.Application()
    application.router.add_routes(system.routes())
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
    await runner.setup()
    try:
        place = Listening(system, runner)
        await place.open()
        yield place
    finally:
        await runner.cleanup()


def _failed(request: web.Request, fate: Fate) -> web.Response:
    match fate:
        case Fate.UNAVAILABLE:
            return web.Response(status=503)
        case Fate.BUSY:
            return web.Response(status=429, headers={"Retry-After": "1"})
        case Fate.REFUSED:
            return web.Response(status=403)
        case _:
            return _reset(request)


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
