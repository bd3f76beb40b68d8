"""The end system of the soak: the user's name says how it behaves."""

import asyncio
import json

from aiohttp import web

from tests.sessions.desk import Desk

SLOW, AWAY, FLAKY = "slow", "away", "flaky"
LOGIN_TAKES = 0.05
"""Seconds."""


class Tracker(Desk):
    """Logs `slow` users in after a while and `away` ones never, and logs `flaky` ones out at the second try."""

    def __init__(self) -> None:
        super().__init__()
        self._flaky: set[str] = set()

    async def login(self, request: web.Request) -> web.Response:
        user = (await request.json())["user"]
        if user == AWAY:
            return web.Response(status=503)
        if user == SLOW:
            await asyncio.sleep(LOGIN_TAKES)
        answer = await super().login(request)
        if user == FLAKY and isinstance(answer.body, bytes):
            self._flaky.add(json.loads(answer.body)["token"])
        return answer

    async def logout(self, request: web.Request) -> web.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        if token in self._flaky:
            self._flaky.remove(token)
            return web.Response(status=503)
        return await super().logout(request)
