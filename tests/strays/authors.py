"""A driver and an end system of an author's own, in which one method is cancelled although nobody has asked for it."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

import aiohttp

from connector.endsystems.end_system import EndSystem, EndSystemSettings, LoginOutcome, SessionLogin
from connector.model.credential import Credential
from connector.model.outcomes import LoginResult, LogoutOutcome
from drivers import DriverSettings, Entry, Scope, Stamp
from drivers.memory import MemoryDriver
from tests.doubles import ACKNOWLEDGED

CREDENTIAL = Credential([("Authorization", "Bearer t")])


class StrayDriverSettings(DriverSettings):
    """Which method is cancelled."""

    cancelled: str = ""


class StrayDriver(MemoryDriver):
    """A memory driver in which one method is cancelled, each time that it is called."""

    Settings = StrayDriverSettings
    settings: StrayDriverSettings
    closed: ClassVar[list[str]] = []
    """Names of those that were closed, the last one last."""
    purged: ClassVar[asyncio.Queue[str]]
    """The name of one for each time that it was purged."""

    def __init__(self, name: str, settings: StrayDriverSettings) -> None:
        super().__init__(name, MemoryDriver.Settings())
        type(self).purged = asyncio.Queue()
        self.settings = settings

    def _meet(self, method: str) -> None:
        if self.settings.cancelled == method:
            raise asyncio.CancelledError

    async def aclose(self) -> None:
        self.closed.append(self.name)
        self._meet("aclose")
        await super().aclose()

    async def purge(self, limit: int) -> bool:
        self.purged.put_nowait(self.name)
        self._meet("purge")
        return await super().purge(limit)

    async def ping(self) -> None:
        self._meet("ping")
        await super().ping()

    async def stamp(self, scope: Scope) -> Stamp:
        self._meet("stamp")
        return await super().stamp(scope)

    async def put_if_current(self, scope: Scope, key: str, entry: Entry) -> bool:
        self._meet("put_if_current")
        return await super().put_if_current(scope, key, entry)

    def evict_at_once(self, *scopes: Scope) -> bool:
        self._meet("evict_at_once")
        return super().evict_at_once(*scopes)

    async def evict(self, *scopes: Scope) -> None:
        self._meet("evict")
        await super().evict(*scopes)


class StrayEndSystemSettings(EndSystemSettings):
    """Which method is cancelled."""

    cancelled: str = ""


class StrayEndSystem(EndSystem):
    """Logs everybody in and out, save where one of its methods is cancelled, each time that it is called."""

    Settings = StrayEndSystemSettings
    settings: StrayEndSystemSettings

    def _meet(self, method: str) -> None:
        if self.settings.cancelled == method:
            raise asyncio.CancelledError

    async def aclose(self) -> None:
        self._meet("aclose")

    def origin(self, session: SessionLogin) -> str:
        self._meet("origin")
        return "https://here"

    def check_settings(self, settings: Mapping[str, str]) -> list[str]:
        self._meet("check_settings")
        return []

    async def login(self, session_id: str, settings: Mapping[str, str]) -> LoginOutcome:
        self._meet("login")
        return LoginOutcome(LoginResult.LOGGED_IN, CREDENTIAL)

    def client(self, session: SessionLogin) -> AbstractAsyncContextManager[aiohttp.ClientSession]:
        self._meet("client")
        return aiohttp.ClientSession()

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        self._meet("logout")
        return ACKNOWLEDGED
