"""An end system over real HTTP, and the section of a configuration that names it and its profile."""

from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.test_utils import TestServer


class ProfiledEndSystem:
    """Serves an application for as long as the context. Whatever it lets wait, `release_all` sets free at the end."""

    def __init__(self, application: web.Application, profile: Path) -> None:
        self._server = TestServer(application)
        self._profile = profile

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release_all()
        await self._server.close()

    def release_all(self) -> None:
        """Let whoever waits go on."""

    @property
    def url(self) -> str:
        return str(self._server.make_url("")).rstrip("/")

    @property
    def section(self) -> str:
        """Its section of the connector's configuration file."""
        return f'[end_system]\nprofile = "{self._profile}"\nbase_url = "{self.url}"\n'
