"""An end system over real HTTP whose access tokens expire. A refresh token is good for one use; a second one ends the login."""

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.endsystems.profiled import ProfiledEndSystem

PROFILE = Path(__file__).with_suffix(".toml")


class Expiring(ProfiledEndSystem):
    """Hands out pairs of tokens. The newest refresh token of a login ends it, or makes the next pair."""

    def __init__(self) -> None:
        self.access: set[str] = set()
        """The access tokens that are good."""
        self.refresh: dict[str, str] = {}
        """The newest refresh token of each login that is open, by its number."""
        self.expires_in: Any = None
        """What it says of each pair."""
        self.rotates = True
        """Whether a refresh makes another refresh token, or an access token alone."""
        self.is_away = 0
        """The status by which it says that it can do no refresh for now."""
        self.breaks_off = False
        """Whether it breaks the connection once it has done a refresh."""
        self.breaks_off_its_body = False
        """Whether it does so within the body of its answer."""
        self.refreshes = 0
        self.ended: list[str] = []
        """The refresh tokens that logouts have ended."""
        self.bodies: list[bytes] = []
        """The body of each call that was answered with success."""
        self.nobody = asyncio.Event()
        """Set when the last login is ended."""
        self.refreshing = asyncio.Event()
        """Set when a refresh has begun."""
        self.answering = asyncio.Event()
        """Refreshes are done, and not answered, while this is not set."""
        self.answering.set()
        self.holding = asyncio.Event()
        """Set when a call of `/held` has come, which is answered once it is `going_on`."""
        self.going_on = asyncio.Event()
        self._logins, self._tokens = count(1), count(1)
        application = web.Application()
        application.router.add_post("/login", self.log_in)
        application.router.add_post("/refresh", self.renew)
        application.router.add_post("/logout", self.log_out)
        application.router.add_route("*", "/{path:.*}", self.call)
        super().__init__(application, PROFILE)

    def release_all(self) -> None:
        self.answering.set()
        self.going_on.set()

    def expire(self) -> None:
        """Let all access tokens expire."""
        self.access.clear()

    async def log_in(self, request: web.Request) -> web.Response:
        return web.json_response(self._pair(str(next(self._logins))))

    async def renew(self, request: web.Request) -> web.StreamResponse:
        self.refreshes += 1
        if self.is_away:
            return web.Response(status=self.is_away)
        token = (await request.json())["refresh"]
        login = token.partition(".")[2]
        if self.refresh.get(login) != token:
            self.refresh.pop(login, None)
            return web.Response(status=400)
        pair = self._pair(login) if self.rotates else {"access": self._access(login)}
        self.refreshing.set()
        await self.answering.wait()
        if self.breaks_off and request.transport is not None:
            request.transport.abort()
        if self.breaks_off_its_body and request.transport is not None:
            answer = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
            await answer.prepare(request)
            await answer.write(b'{"')
            request.transport.close()
            return answer
        return web.json_response(pair)

    async def log_out(self, request: web.Request) -> web.Response:
        token = (await request.json())["refresh"]
        login = token.partition(".")[2]
        if self.refresh.get(login) != token:
            return web.Response(status=401)
        self.ended.append(self.refresh.pop(login))
        self.access = {access for access in self.access if not access.endswith(f".{login}")}
        if not self.refresh:
            self.nobody.set()
        return web.Response(status=204)

    async def call(self, request: web.Request) -> web.Response:
        body = await request.read()
        is_good = request.headers.get("Authorization", "").removeprefix("Bearer ") in self.access
        if request.path == "/held":
            self.holding.set()
            await self.going_on.wait()
        if not is_good:
            return web.json_response({}, status=401)
        self.bodies.append(body)
        return web.json_response({})

    def _pair(self, login: str) -> dict[str, Any]:
        self.refresh[login] = f"r{next(self._tokens)}.{login}"
        return {"access": self._access(login), "refresh": self.refresh[login], "expires_in": self.expires_in or 3600}

    def _access(self, login: str) -> str:
        token = f"a{next(self._tokens)}.{login}"
        self.access.add(token)
        return token
