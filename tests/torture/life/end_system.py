"""The end system of the life of sessions: it outlives every server, and knows when each login was asked for, told and ended."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from random import Random

from aiohttp import web

from tests.torture.life.calls import now
from tests.torture.life.logins import Asked, Beyond, Login, Renewal, Way
from tests.torture.life.orders import DRAWN, Fate, Habits, Orders

PROFILE = Path(__file__).with_suffix(".toml")
COOKIE = "sid"
PROMPT = 0.3
"""Seconds of a logout that is over before any server stops waiting for it."""
STRANGER = f"{COOKIE}=nobody.0; Path=/"
"""The cookie that comes with an error: that of a session which nobody has logged in."""
SEATS = 3
"""Logins that may be alive in a pool: the licence."""
BEYOND = 423
"""The status of a login that is refused because of it."""
ASKED: web.RequestKey[float] = web.RequestKey("asked", float)
"""When a request came."""
LOGIN: web.RequestKey[Login] = web.RequestKey("login", Login)
"""Whose credential a request carries, good or not, or which login it has made."""
NUMBER: web.RequestKey[int] = web.RequestKey("number", int)
"""Of that credential."""
GOOD: web.RequestKey[Login] = web.RequestKey("good", Login)
"""Whose credential a request carries, if that was good when it came."""
RENEWAL: web.RequestKey[Renewal] = web.RequestKey("renewal", Renewal)
"""What its answer tells."""


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


FAILURES = {
    Regime.ROUGH: (0.3, (Fate.UNAVAILABLE, Fate.BUSY, Fate.RESET_BEFORE, Fate.RESET_AFTER, Fate.REFUSED)),
    Regime.REFUSING: (0.6, (Fate.REFUSED,)),
}
"""The share of requests that fail, and how."""
LONGEST = {Regime.FINE: 0.005, Regime.ROUGH: 0.05, Regime.SLOW: 2.5, Regime.REFUSING: 0.01, Regime.AWAY: 0.005}
"""Seconds that a request may take."""


class EndSystem:
    """Makes logins and ends them, and behaves as its regime says."""

    def __init__(self, random: Random) -> None:
        self.regime = Regime.FINE
        self.habits: Habits = DRAWN
        self.orders = Orders()
        """What happens to some requests, whatever the regime."""
        self.logins: list[Login] = []
        self.beyond: list[Beyond] = []
        """Logins that were refused because the licence allows no more."""
        self.broken_off: set[str] = set()
        """The tickets of logins whose requests were answered by a reset."""
        self.serial = 0
        """The number of the value that was given out last."""
        self.is_over = False
        """Whether all is over, and the licence has no limit any more."""
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
            web.post("/refresh", self._failing(self._refresh)),
            web.post("/logout", self._failing(self._log_out)),
            web.get("/me", self._failing(self._is_in)),
        ]

    def _failing(self, do: Callable[[web.Request], Awaitable[web.Response]]) -> Callable[[web.Request], Awaitable[web.Response]]:
        """Have a request meet its fate; what it asks for is done before, between or after its share of time."""

        async def handle(request: web.Request) -> web.Response:
            request[ASKED] = now()
            await request.read()
            self._recognize(request)
            with self._at_work():
                order = self.orders.of(request.path)
                fate, before, after = self._drawn() if order is None else (order.fate, 0.0, 0.0)
                if request.path == "/login" and fate in {Fate.RESET_BEFORE, Fate.RESET_AFTER}:
                    self.broken_off.add((await request.json())["ticket"])
                await asyncio.sleep(before)
                if fate not in {Fate.FINE, Fate.RESET_AFTER}:
                    return _failed(request, fate)
                response = await do(request)
                if response.status == 401:
                    response.headers["Set-Cookie"] = STRANGER
                await (asyncio.sleep(after) if order is None else order.answers())
                return _answered(request, response, fate)

        return handle

    def _recognize(self, request: web.Request) -> None:
        """Find out whose credential a request carries. Whether it is good counts when it comes, whatever becomes of it."""
        token, _, number = request.cookies.get(COOKIE, "").rpartition(".")
        login = self._by_token.get(token)
        if login is None:
            return
        request[LOGIN], request[NUMBER] = login, int(number)
        to_end = request.path in {"/leave", "/logout", "/me"}
        if request.path in {"/leave", "/logout"}:
            login.asked_to_end.append(Asked(request[ASKED], request[NUMBER]))
        if login.carried(request[NUMBER], request[ASKED], to_end=to_end):
            request[GOOD] = login

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

    async def _log_in(self, request: web.Request) -> web.Response:
        asked = await request.json()
        ticket, pool = asked["ticket"], asked["pool"]
        if len(alive := self._alive_in(pool)) >= SEATS and not self.is_over:
            self.beyond.append(Beyond(ticket, now(), alive))
            return web.Response(status=BEYOND)
        login = Login(ticket, f"{ticket}/{len(self.logins)}", request[ASKED], self._way(), pool=pool)
        self.logins.append(login)
        self._by_token[login.token] = request[LOGIN] = login
        return web.json_response({"token": login.credential})

    def _way(self) -> Way:
        return self.habits.way or self._random.choice([*Way])

    def _alive_in(self, pool: str) -> frozenset[str]:
        return frozenset(login.token for login in self.logins if login.pool == pool and login.alive)

    async def _enter(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if self._is_alive(request) else 401, headers={"X-Seat": "window"})

    async def _give_serial(self, request: web.Request) -> web.Response:
        login = request.get(GOOD)
        if login is None or not login.alive or self._has_expired(login, request[ASKED]):
            return web.Response(status=401)
        self.serial += 1
        response = web.json_response({"ticket": login.ticket, "serial": self.serial})
        if login.way is Way.COOKIE and self._random.random() < self.habits.renews:
            request[RENEWAL] = login.renew(request[ASKED])
            response.set_cookie(COOKIE, login.credential, httponly=True)
            await asyncio.sleep(self._random.random() * self.habits.late)
        return response

    def _has_expired(self, login: Login, moment: float) -> bool:
        """Tell whether a login has to be refreshed, and let it expire at times, unless that was done just now."""
        if login.way is Way.REFRESH and not login.is_fresh(moment):
            login.has_expired |= self._random.random() < self.habits.renews
        return login.has_expired

    async def _refresh(self, request: web.Request) -> web.Response:
        login = request.get(LOGIN)
        if login is None or login.way is not Way.REFRESH or not login.alive:
            return web.Response(status=401)
        if request[NUMBER] != login.newest:
            login.spent_again.append((request[ASKED], request[NUMBER]))
            return web.Response(status=401)
        request[RENEWAL] = login.refresh(request[ASKED])
        return web.json_response({"token": login.credential})

    async def _prepare_to_leave(self, request: web.Request) -> web.Response:
        return web.json_response({"pass": "pass"}) if self._is_alive(request) else web.Response(status=401)

    async def _log_out(self, request: web.Request) -> web.Response:
        login = request.get(GOOD)
        if login is None or not login.alive:
            return web.Response(status=401)
        login.alive = False
        return web.Response(status=204)

    async def _is_in(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if self._is_alive(request) else 401)

    def _is_alive(self, request: web.Request) -> bool:
        login = request.get(GOOD)
        return login is not None and login.alive


def _answered(request: web.Request, response: web.Response, fate: Fate) -> web.Response:
    """Answer a request, or break the answer off; note who was told what."""
    login, renewal, is_broken_off = request.get(LOGIN), request.get(RENEWAL), fate is Fate.RESET_AFTER
    if login is not None:
        login.told = now()
        login.untold |= is_broken_off and request.path in {"/login", "/refresh"} and response.status == 200
    if login is not None and request.path == "/me" and _is_heard(login, response, is_broken_off=is_broken_off):
        login.proved_dead = min(login.proved_dead, now())
    if renewal is not None:
        renewal.told, renewal.untold = now(), is_broken_off
    return _reset(request) if is_broken_off else response


def _is_heard(login: Login, response: web.Response, *, is_broken_off: bool) -> bool:
    """Tell whether an answer that tells that a login is dead ends a logout in time."""
    is_in_time = all(now() - asked.moment < PROMPT for asked in login.asked_to_end[-2:])
    return response.status == 401 and not (login.alive or is_broken_off) and is_in_time


def _failed(request: web.Request, fate: Fate) -> web.Response:
    match fate:
        case Fate.UNAVAILABLE:
            return web.Response(status=503)
        case Fate.BUSY:
            return web.Response(status=429, headers={"Retry-After": "1"})
        case Fate.REFUSED:
            if request.path == "/refresh" and LOGIN in request:
                request[LOGIN].refused.append(now())
            return web.Response(status=403, headers={"Set-Cookie": STRANGER})
        case _:
            return _reset(request)


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
