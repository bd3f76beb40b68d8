"""Probes: requests that `connector doctor --url` sends to the public address, to see what arrives here of them."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import msgspec
from aiohttp import web
from msgspec import Struct

from connector.admin.shown_probes import Arrival
from connector.api.body import read_body
from connector.api.control_values import body_of, converted, ok
from connector.api.http_errors import not_found
from connector.api.rendering import json_answer
from connector.config.settings import ServerSection

PROBE = "/probe/{token}/{rest:.*}"
"""Below each base path. Anybody else finds nothing there."""
MOST = 16
"""Probes that are expected at the same time, and arrivals of one that are noted."""
LIFETIME = 60.0
"""Seconds for which a probe is expected."""


class ProbeWanted(msgspec.Struct, forbid_unknown_fields=True):
    """What is to happen when a probe arrives."""

    breaks: bool = False
    """Whether its connection breaks in the place of an answer."""


@dataclass(slots=True)
class Expected:
    """A probe that is to arrive."""

    breaks: bool
    until: float
    arrivals: list[Arrival] = field(default_factory=list)


class Probes:
    """Those that are expected. Who may call the control socket begins one, and knows its token."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._expected: dict[str, Expected] = {}

    def expect(self, *, breaks: bool) -> str:
        """Expect a probe, and return its token. The oldest one is given up if there are too many."""
        token = secrets.token_urlsafe(24)
        while len(self._expected) >= MOST:
            del self._expected[next(iter(self._expected))]
        self._expected[token] = Expected(breaks, self._clock() + LIFETIME)
        return token

    def find(self, token: str) -> Expected | None:
        """Return a probe; None if it is not expected, or not any more."""
        found = self._expected.get(token)
        return found if found is not None and self._clock() < found.until else None


PROBES = web.AppKey("probes", Probes)


class ProbeCall(Struct, frozen=True):
    """Notes what arrives."""

    probes: Probes
    server: ServerSection

    async def handle(self, request: web.Request) -> web.Response:
        """Note a probe, and answer it or break its connection. Raises `ApiError` 404 if it is not expected."""
        expected = self.probes.find(request.match_info["token"])
        if expected is None:
            raise not_found()
        body = await read_body(request, limit=self.server.limits.initialize, deadline=self.server.deadlines.body)
        if len(expected.arrivals) < MOST:
            headers = {name.lower(): len(value) for name, value in request.headers.items()}
            expected.arrivals.append(Arrival(request.raw_path, headers, len(body)))
        if expected.breaks and request.transport is not None:
            request.transport.abort()
        return json_answer(HTTPStatus.OK, {})


class ProbeControl(Struct, frozen=True):
    """Begins probes for an administrator, and tells what has arrived."""

    probes: Probes

    def routes(self) -> list[web.RouteDef]:
        """Return where they are called."""
        return [web.post("/probes", self.expect), web.get("/probes/{token}", self.arrivals)]

    async def expect(self, request: web.Request) -> web.Response:
        """Expect a probe."""
        wanted = converted(await body_of(request) or {}, ProbeWanted)
        return ok({"token": self.probes.expect(breaks=wanted.breaks)})

    async def arrivals(self, request: web.Request) -> web.Response:
        """Tell what has arrived of a probe."""
        expected = self.probes.find(request.match_info["token"])
        if expected is None:
            raise not_found()
        return ok(expected.arrivals)
