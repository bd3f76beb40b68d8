"""End systems over real HTTP that do what a test wants of them."""

import asyncio
from pathlib import Path

from aiohttp import web

from tests.endsystems.profiled import ProfiledEndSystem

PROFILE = Path(__file__).with_suffix(".toml")


class HeldEndSystem(ProfiledEndSystem):
    """Logouts wait until `release` is set. It says which logouts and probes have come, in their order."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.probed: asyncio.Queue[str] = asyncio.Queue()
        self.release = asyncio.Event()
        application = web.Application()
        application.router.add_post("/logout", self.logout)
        application.router.add_get("/probe", self.probe)
        super().__init__(application, PROFILE)

    def release_all(self) -> None:
        self.release.set()

    async def logout(self, request: web.Request) -> web.Response:
        self.asked.put_nowait(request.headers["Authorization"])
        await self.release.wait()
        return web.Response(status=204)

    async def probe(self, request: web.Request) -> web.Response:
        self.probed.put_nowait(request.headers["Authorization"])
        return web.Response(status=401)


class EchoingEndSystem(HeldEndSystem):
    """Refuses every logout, and repeats the credential wherever an answer has room for it."""

    async def logout(self, request: web.Request) -> web.Response:
        token = request.headers["Authorization"]
        return web.json_response(
            {"code": token.split()[-1], "message": token}, status=400, reason=token, headers={"X-Token": token}
        )
