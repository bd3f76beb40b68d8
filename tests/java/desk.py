"""An end system that counts its logins, and how often each was ended."""

from collections import Counter
from pathlib import Path

from aiohttp import web

from tests.endsystems.profiled import ProfiledEndSystem

PROFILE = Path(__file__).with_suffix(".toml")


class Desk(ProfiledEndSystem):
    """Hands out a token for each login."""

    def __init__(self) -> None:
        self.logins: list[str] = []
        self.logouts: Counter[str] = Counter()
        application = web.Application()
        application.router.add_post("/login", self.log_in)
        application.router.add_get("/me", self.me)
        application.router.add_post("/logout", self.log_out)
        super().__init__(application, PROFILE)

    @property
    def alive(self) -> list[str]:
        """The logins that have not ended."""
        return [token for token in self.logins if not self.logouts[token]]

    async def log_in(self, _: web.Request) -> web.Response:
        token = f"token-{len(self.logins)}"
        self.logins.append(token)
        return web.json_response({"token": token})

    async def me(self, request: web.Request) -> web.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        return web.json_response({"login": token}, status=200 if token in self.alive else 401)

    async def log_out(self, request: web.Request) -> web.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        was_alive = token in self.alive
        self.logouts[token] += 1
        return web.Response(status=204 if was_alive else 401)
