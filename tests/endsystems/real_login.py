"""A login in a real end system, as a client holds it: it can be used, and seen to be refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp


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


def browser(base_url: str | None = None) -> aiohttp.ClientSession:
    """A client that follows redirects and keeps cookies, also those of an address without a name."""
    return aiohttp.ClientSession(base_url, cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=aiohttp.ClientTimeout(30))
