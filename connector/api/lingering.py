"""The end of a connection whose client is still sending: it has time to read the answer.

A socket that is closed with something unread in it resets the connection, and the client may lose the answer that says what was
wrong (RFC 9112, 9.6). So the server ends its own half first, and drops what still comes. aiohttp closes at once. It is kept from
that by the loss of its `transport` (pinned below 3.15; `tests/api/test_connections.py` fails if that changes).
"""

import asyncio
from typing import Any

from aiohttp import web

from connector.api.unread import Guard, ReadInTime

LONGEST = 2.0
"""Seconds that a client has to end its half."""
MOST = 16 * 1024 * 1024
"""Bytes that it may send meanwhile."""


class Lingering(ReadInTime):
    """Closes once its client has, or within bounds."""

    __slots__ = ("_closing", "_dropped")

    def __init__(self, server: web.Server, guard: Guard, **options: Any) -> None:
        super().__init__(server, guard, **options)
        self._closing: asyncio.TimerHandle | None = None
        self._dropped = 0

    @property
    def lingers(self) -> bool:
        """Whether it has answered for the last time."""
        return self._closing is not None

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        if self._closing is not None:
            self._closing.cancel()
        super().connection_lost(exc)

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        """Close, whatever the client still sends."""
        await super().shutdown(timeout)
        if self.lingers:
            self._close_link()

    def _linger(self) -> None:
        """End this half of the connection; the client ends its own once it has read the answer."""
        link = self._link
        if link is not None and not link.is_closing() and link.can_write_eof():
            link.write_eof()
            self.transport = None
            self._closing = self._loop.call_later(LONGEST, self._close_link)

    def _drop(self, data: bytes) -> None:
        self._dropped += len(data)
        if self._dropped > MOST and self._link is not None:
            self._link.abort()

    def _close_link(self) -> None:
        if self._link is not None:
            self._link.close()
            self._must_read_to_the_end()
