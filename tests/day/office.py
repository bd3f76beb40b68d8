"""The end system of the day: it is away at times, and ends by itself what was logged in long ago."""

import json
from http import HTTPStatus
from time import monotonic

from aiohttp import web

from tests.sessions.desk import Desk


class Office(Desk):
    """A desk with hours."""

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[str, float] = {}

    def be_away(self, *, is_away: bool) -> None:
        """Answer nobody from now on, or everybody again."""
        self.status = HTTPStatus.SERVICE_UNAVAILABLE if is_away else HTTPStatus.OK

    def end_old(self, seconds: float) -> int:
        """End the logins that are older than this, and return how many there were."""
        old = {token for token in self.alive if monotonic() - self._made[token] > seconds}
        self.alive -= old
        return len(old)

    async def login(self, request: web.Request) -> web.Response:
        answer = await super().login(request)
        if answer.status == HTTPStatus.OK and isinstance(answer.body, bytes):
            self._made[json.loads(answer.body)["token"]] = monotonic()
        return answer

    async def me(self, request: web.Request) -> web.Response:
        return await super().me(request) if self.status == HTTPStatus.OK else web.Response(status=self.status)
