"""Real end systems, which nobody here wrote, and logins in them: they can be used, and be seen to be refused."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar

import aiohttp

LOOK_EVERY = 0.05


@dataclass(frozen=True, slots=True)
class Login:
    """One login. `headers` carry it, to the end system and from OpsHub to the connector alike."""

    headers: Mapping[str, str]
    resource: str
    """URL that only a live login may read."""

    async def works(self) -> bool:
        """Use it: say whether the resource was handed out. Raises if the answer is neither that nor a refusal."""
        async with browser() as http, http.get(self.resource, headers=self.headers, allow_redirects=False) as answer:
            match answer.status:
                case HTTPStatus.OK:
                    return True
                case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                    return False
        raise RuntimeError(f"{self.resource} answered {answer.status}")

    async def ended(self) -> None:
        """Use it again and again until it is refused; the caller sets the deadline."""
        while await self.works():  # noqa: ASYNC110 - another process ends it
            await asyncio.sleep(LOOK_EVERY)


@dataclass(frozen=True, slots=True)
class RealEndSystem(ABC):
    """A running end system, and how the connector is configured to log out of it."""

    root: str
    """Where the server is: scheme, host and port."""

    profile: ClassVar[str | Path]
    logout_path: ClassVar[str] = ""
    """What `end_system.base_url` of the profile has beyond the root."""
    outcome: ClassVar[str]
    """What the connector reports of a logout that worked."""

    @property
    def section(self) -> str:
        """Its section of the configuration file."""
        return f"""
            [end_system]
            profile = "{self.profile}"
            base_url = "{self.root}{self.logout_path}"
            allowed_urls = ["{self.root}"]
        """

    @property
    def environment(self) -> Mapping[str, str]:
        """What the profile needs in the environment."""
        return {}

    @abstractmethod
    async def log_in(self) -> Login:
        """Make a new login, as any client of this system makes one."""


def browser(base_url: str | None = None) -> aiohttp.ClientSession:
    """A client that follows redirects and keeps cookies, also those of an address without a name."""
    return aiohttp.ClientSession(base_url, cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(30))
