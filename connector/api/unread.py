"""A connection whose client has to read its answers. Without this, aiohttp waits for ever for a client that does not read.

There is no public hook for it. So this module reaches into aiohttp's internals (pinned below 3.15): `start` and `force_close` are
where a connection is closed. It is gone only when its client has read what was written.
"""

import asyncio
from typing import Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from msgspec import Struct

from connector.admin.readiness import Lifecycle
from connector.api.bounds import OpenConnections
from connector.api.rejections import Rejections
from connector.api.rendering import ErrorShapes


class Guard(Struct, frozen=True):
    """What the connections of one server have in common."""

    shapes: ErrorShapes
    rejections: Rejections
    """Of requests."""
    endings: Rejections
    """Of connections: those that the server has ended."""
    connections: OpenConnections
    largest_head: int
    """In bytes."""
    to_read: float
    """Seconds that a client has to read an answer, or a good part of one."""
    no_room: bytes
    """The answer to a connection beyond the bounds."""
    lifecycle: Lifecycle
    """Of the application: once it drains, each answer is the last one of its connection."""


class ReadInTime(RequestHandler):
    """Is broken off when its client reads nothing for so long."""

    __slots__ = ("_guard", "_link", "_reading")

    def __init__(self, server: web.Server, guard: Guard, **options: Any) -> None:
        super().__init__(server, **options)
        self._guard = guard
        self._link: asyncio.Transport | None = None
        """The transport until it is gone; aiohttp forgets it when it begins to close."""
        self._reading: asyncio.TimerHandle | None = None
        """Runs while the client is to read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        self._link = cast("asyncio.Transport", transport)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self._link = None
        self._has_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the client's time to read, because much of an answer is still here."""
        super().pause_writing()
        self._must_read()

    def resume_writing(self) -> None:
        """Stop that time, unless the client has to read the rest before the connection can end."""
        super().resume_writing()
        if self._link is not None and not self._link.is_closing():
            self._has_read()

    async def start(self) -> None:
        """Serve until the connection closes."""
        try:
            await super().start()
        finally:
            self._must_read_to_the_end()

    def force_close(self) -> None:
        """Close, as soon as the client has read what was written."""
        super().force_close()
        self._must_read_to_the_end()

    def break_off(self, kind: str) -> None:
        """Close at once, and count why."""
        if self._link is not None:
            self._guard.endings.count(kind)
            self._link.abort()

    def _must_read_to_the_end(self) -> None:
        if self._link is not None and self._link.is_closing() and self._link.get_write_buffer_size():
            self._must_read()

    def _must_read(self) -> None:
        if self._reading is None:
            self._reading = self._loop.call_later(self._guard.to_read, self.break_off, "NotRead")

    def _has_read(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
