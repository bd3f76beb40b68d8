"""End systems over real HTTP that do what a test wants of them."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.test_utils import TestServer

PROFILE = Path(__file__).with_suffix(".toml")


class HeldEndSystem:
    """Logouts wait until `release` is set. It says which logouts and probes have come, in their order."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[str] = asyncio.Queue()
        self.probed: asyncio.Queue[str] = asyncio.Queue()
        self.release = asyncio.Event()
        application = web.Application()
        application.router.add_post("/logout", self.logout)
        application.router.add_get("/probe", self.probe)
        self._server = TestServer(application)

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release.set()
        await self._server.close()

    @property
    def section(self) -> str:
        """Its section of the connector's configuration file."""
        return f'[end_system]\nprofile = "{PROFILE}"\nbase_url = "{self._server.make_url("/")}"\n'

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
