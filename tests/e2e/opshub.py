"""OpsHub's side of the conversation."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from types import TracebackType
from typing import Any, Self

import aiohttp

ANSWERED_WITHIN = aiohttp.ClientTimeout(60)
LOOK_EVERY = 0.02


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; every answer of the connector has a JSON body."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str

    @property
    def session_headers(self) -> dict[str, str]:
        """What OpsHub makes of an initialize's answer."""
        return {pair["key"]: pair["value"] for pair in self.body}


class OpsHub:
    """Calls a connector as OpsHub does: every call of a session carries the headers that initialize returned for it."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=ANSWERED_WITHIN)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._http.close()

    async def initialize(
        self,
        session: str,
        settings: Sequence[Mapping[str, Any]],
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        *,
        base: str = "",
    ) -> Answer:
        """Open a session; OpsHub sends the headers of its earlier life along, if it had one."""
        return await self._call("POST", f"{base}/initialize/{session}", json=settings, headers=headers, params=query)

    async def call(self, path: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
        """Make any other call, which the headers alone tie to its session."""
        return await self._call(method, path, headers=headers)

    async def send(self, method: str, path: str, body: str) -> Answer:
        """Send anything."""
        return await self._call(method, path, data=BytesIO(body.encode(errors="surrogateescape")))

    async def cleanup(
        self, session: str, headers: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None, *, base: str = ""
    ) -> Answer:
        """Call Session Logout. `query` holds `systemId` and `cleanupGlobalCache`, which OpsHub sends from 7.197 on."""
        return await self._call("POST", f"{base}/cleanup/{session}", headers=headers, params=query)

    async def ready(self) -> Answer:
        """Ask what a load balancer asks."""
        return await self._call("GET", "/health/ready")

    async def until_ready_answers(self, status: int) -> Answer:
        """Ask again and again until it is this status; the caller sets the deadline."""
        while True:
            answer = await self.ready()
            if answer.status == status:
                return answer
            await asyncio.sleep(LOOK_EVERY)

    async def _call(self, method: str, path: str, **options: Any) -> Answer:
        async with self._http.request(method, self._url + path, **options) as answer:
            return Answer(answer.status, answer.headers, await answer.json(), await answer.text())


async def until_degraded(opshub: OpsHub, *names: str) -> Answer:
    """Ask until exactly these stores are degraded."""
    while True:
        answer = await opshub.ready()
        if {*answer.body["degraded"]} == {*names}:
            return answer
        await asyncio.sleep(LOOK_EVERY)
