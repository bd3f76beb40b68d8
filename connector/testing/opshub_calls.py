"""Calls of a connector as OpsHub makes them, for an author's tests."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp

WITHIN = aiohttp.ClientTimeout(60)


@dataclass(frozen=True, slots=True)
class Answer:
    """The connector's answer."""

    status: int
    body: Any
    """The decoded JSON; None if there is none."""


@dataclass(frozen=True, slots=True)
class OpsHubSession:
    """A session that OpsHub has initialized, or tried to; `opened` is the answer."""

    opshub: "OpsHub"
    session_id: str
    system_id: str
    opened: Answer = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """The headers that initialize returned. OpsHub sends them with every later call."""
        return {pair["key"]: pair["value"] for pair in self.opened.body} if self.opened.status == 200 else {}

    async def get(self, path: str) -> Answer:
        """Call a path that needs the session, for instance `/projects`."""
        return await self.call("GET", path)

    async def post(self, path: str, body: Any = None) -> Answer:
        """Call a path that creates something. `body` is sent as JSON."""
        return await self.call("POST", path, json=body)

    async def put(self, path: str, body: Any = None) -> Answer:
        """Call a path that changes something. `body` is sent as JSON."""
        return await self.call("PUT", path, json=body)

    async def delete(self, path: str) -> Answer:
        """Call a path that deletes something."""
        return await self.call("DELETE", path)

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        """Send any request of the session; `options` are those of `aiohttp.ClientSession.request`."""
        headers = {**self.headers, **options.pop("headers", {})}
        return await self.opshub.call(method, path, headers=headers, **options)

    async def cleanup(self, *, global_cache: bool = False) -> Answer:
        """End the session; with `global_cache`, as after a change of the system's configuration."""
        query = {"systemId": self.system_id, "cleanupGlobalCache": str(global_cache).lower()}
        return await self.opshub.call("POST", f"/cleanup/{self.session_id}", headers=self.headers, params=query)


@dataclass(frozen=True, slots=True)
class OpsHub:
    """Calls a connector as OpsHub does."""

    http: aiohttp.ClientSession

    async def initialize(
        self, settings: Mapping[str, str], *, system_id: str = "system", session_id: str | None = None
    ) -> OpsHubSession:
        """Open a session, a new one unless its id is given. `settings` are the system's, and all count as secret."""
        # OpsHub's ids are UUIDs, and the connector refuses others.
        session = session_id or str(uuid4())
        body = [{"key": key, "value": value, "sensitive": True} for key, value in settings.items()]
        opened = await self.call("POST", f"/initialize/{session}", params={"systemId": system_id}, json=body)
        return OpsHubSession(self, session, system_id, opened)

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        """Send any request; `options` are those of `aiohttp.ClientSession.request`."""
        async with self.http.request(method, path, **options) as answer:
            return Answer(answer.status, await answer.json() if await answer.read() else None)


@asynccontextmanager
async def opshub_at(url: str) -> AsyncIterator[OpsHub]:
    """Open an OpsHub for the connector at this root URL."""
    async with aiohttp.ClientSession(url, timeout=WITHIN) as http:
        yield OpsHub(http)
