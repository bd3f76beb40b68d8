"""The first page behind a login: how the server is; and the events by which all pages stay true."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

from aiohttp import web

from connector.console.entrances import Entrances, Login
from connector.console.pages import LOGIN, Pages
from connector.console.pulse import FRESH, Pulse, in_short

EVENTS = "events"
"""The name of the one call that lasts."""
AT_LEAST_EVERY = 15.0
"""Seconds after which a page is told to look again, though nothing has changed: ages go on, and a dead connection shows."""


@dataclass(frozen=True, slots=True)
class OverviewPages:
    """Shows how the server is, now and as it changes."""

    pulse: Pulse
    pages: Pages
    entrances: Entrances
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    """Is set when the server ends: then nobody is told any more."""

    def routes(self, base: str) -> list[web.RouteDef]:
        """Return where the pages are."""
        return [
            web.get(f"{base}/", self.show),
            web.get(f"{base}/state", self.state),
            web.get(f"{base}/events", self.events, name=EVENTS, allow_head=False),
        ]

    async def show(self, request: web.Request) -> web.Response:
        """Show how the server is."""
        status = await self.pulse.felt()
        return self.pages.page(request, "overview.html", server=status)

    async def state(self, request: web.Request) -> web.Response:
        """Show in short how the server is."""
        return self.pages.page(request, "state.html", state=in_short(await self.pulse.felt()))

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Tell a page how the server is whenever that changes, until the page, its login or the server ends."""
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        with suppress(ConnectionResetError):  # somebody has left the page: most ends are like that
            await stream.prepare(request)
            async for event, text in self._news(request[LOGIN]):
                lines = "".join(f"data: {line}\n" for line in text.splitlines())
                await stream.write(f"event: {event}\n{lines}\n".encode())
        return stream

    async def _news(self, login: Login) -> AsyncIterator[tuple[str, str]]:
        told, quiet = "", 0.0
        while not self.ending.is_set() and self.entrances.is_in(login):
            text = self.pages.text(login, "state.html", state=in_short(await self.pulse.felt()))
            if text != told:
                yield "state", text
            elif quiet >= AT_LEAST_EVERY:
                yield "beat", "on"
            quiet = quiet + FRESH if text == told and quiet < AT_LEAST_EVERY else 0.0
            told = text
            await self._rest()

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ending.wait(), FRESH)
