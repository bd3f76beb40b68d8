"""An end system over real HTTP that logs in and out, and waits, fails and repeats secrets when a test wants it to."""

import asyncio
from collections import Counter
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.endsystems.profiled import ProfiledEndSystem

PROFILE = Path(__file__).with_suffix(".toml")
USER, PASSWORD = "opshub", "correct horse battery staple"
MARK = "c4n4ry"
"""Part of every secret of the desk: a token of it, and of the password of `SECRET_SETTINGS`."""


def settings(password: str = PASSWORD, user: str = USER) -> list[dict[str, Any]]:
    """What an administrator has set, as OpsHub sends it."""
    return [
        {"key": "user", "value": user, "sensitive": False},
        {"key": "password", "value": password, "sensitive": True},
        {"key": "suppressNotification", "value": "1", "sensitive": False},
    ]


class Desk(ProfiledEndSystem):
    """Hands out tokens and ends them. A login is made first, and answered when `answering` is set."""

    def __init__(self) -> None:
        self.alive: set[str] = set()
        self.logins = 0
        self.logouts: Counter[str] = Counter()
        self.logging_in: asyncio.Queue[str] = asyncio.Queue()
        """The token of each login that has been made, answered or not."""
        self.logging_out: asyncio.Queue[str] = asyncio.Queue()
        """The token of each logout that was asked for."""
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        """The token of each logout that was done."""
        self.answering = asyncio.Event()
        self.answering.set()
        self.ending = asyncio.Event()
        """Logouts are heard, and neither done nor answered, while this is not set."""
        self.ending.set()
        self.refusing = asyncio.Event()
        """A wrong password is heard, and not answered, while this is not set."""
        self.refusing.set()
        self.is_breaking = False
        """Whether a login is made and its connection broken in the place of an answer."""
        self.stuck: set[str] = set()
        """Tokens whose logout fails."""
        self.status = HTTPStatus.OK
        """What logins and logouts are answered, where it is no success."""
        self.node = "n1"
        self.only_token: str | None = None
        """What every login is given, where there is but one token for one user."""
        self.is_single = False
        """Whether a login is refused as long as there is another."""
        self.licences: int | None = None
        """How many logins may be alive; None for any number. The next one is refused."""
        self.refused = 0
        """How many logins were beyond the licences."""
        self.asked: list[str] = []
        """Method and path of each request."""
        self.traceparents: list[str | None] = []
        """Which trace each request has named."""
        self._numbers = count(1)
        application = web.Application(middlewares=[self._note])
        application.router.add_post("/login", self.login)
        application.router.add_post("/logout", self.logout)
        application.router.add_get("/me", self.me)
        application.router.add_get("/status/{status}", self.fail)
        application.router.add_get("/page", self.page)
        application.router.add_get("/hang", self.hang)
        super().__init__(application, PROFILE)

    def release_all(self) -> None:
        self.answering.set()
        self.ending.set()
        self.refusing.set()

    async def stop(self) -> None:
        """Listen no more."""
        await self._server.close()

    async def login(self, request: web.Request) -> web.Response:
        given = await request.json()
        self.logins += 1
        if self.status != HTTPStatus.OK:
            return self._failure(given["password"])
        if given["password"] != PASSWORD:
            await self.refusing.wait()
            return web.json_response({"code": "E-17", "message": f"not {given['password']}"}, status=401)
        if self.is_single and self.alive:
            return web.json_response({"code": "E-18"}, status=401)
        if self.licences is not None and len(self.alive) >= self.licences:
            self.refused += 1
            return web.json_response({"code": "E-19"}, status=401)
        token = self.only_token or f"{MARK}-{next(self._numbers)}"
        self.alive.add(token)
        self.logging_in.put_nowait(token)
        if self.is_breaking and request.transport is not None:
            request.transport.close()
        await self.answering.wait()
        return web.json_response({"token": token}, headers={"X-Node": self.node})

    async def logout(self, request: web.Request) -> web.Response:
        token = _token(request)
        self.logouts[token] += 1
        self.logging_out.put_nowait(token)
        await self.ending.wait()
        if token in self.stuck:
            return web.Response(status=503)
        if self.status != HTTPStatus.OK:
            return self._failure(token)
        if token not in self.alive:
            return web.Response(status=401)
        self.alive.remove(token)
        self.ended.put_nowait(token)
        return web.Response(status=204)

    async def me(self, request: web.Request) -> web.Response:
        alive = _token(request) in self.alive
        return web.json_response({"user": USER}, status=200 if alive else 401)

    async def fail(self, request: web.Request) -> web.Response:
        """Answer an error as end systems do, in JSON, with the headers that are asked for."""
        return web.json_response({"error": "as asked"}, status=int(request.match_info["status"]), headers={**request.query})

    async def page(self, request: web.Request) -> web.Response:
        """Answer a page for people, as end systems do whose login is gone."""
        return web.Response(text="<form>log in</form>", content_type="text/html")

    async def hang(self, request: web.Request) -> web.Response:
        """Never answer."""
        await asyncio.Event().wait()
        raise AssertionError

    @web.middleware
    async def _note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        self.traceparents.append(request.headers.get("traceparent"))
        return await handler(request)

    def _failure(self, secret: str) -> web.Response:
        """Answer in the end system's own words, which repeat what it was sent."""
        return web.json_response({"code": secret, "message": secret}, status=self.status, headers={"X-Echo": secret})


def _token(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")
