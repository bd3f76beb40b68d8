"""The server's side of aiohttp, with its bounds: how many connections there are, how long a head may be, what the parser rejects.

It ends in two steps: `GuardedRunner.finish` gives the requests that are under way their time, and `cleanup` breaks the rest off.

What a connection does is in `connector.api.connection`, which reaches into aiohttp's internals as this module does with
`BaseRunner._make_server`, and `Server.__call__` with `_loop` and `_kwargs`: how connections are made.

The rest is public: limits, no access log, bodies left compressed (nobody reads them, and a small one may unpack to a large one).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import hdrs, web
from aiohttp.web_protocol import RequestHandler

from connector.admin.readiness import Lifecycle
from connector.api.bounds import OpenConnections
from connector.api.connection import Connection
from connector.api.http_errors import expectation_failed, too_many_connections
from connector.api.lifecycle import LIFECYCLE
from connector.api.metrics_endpoint import METRICS
from connector.api.rejections import Rejections
from connector.api.rendering import ErrorShapes, in_full
from connector.api.unread import Guard
from connector.config.settings import ServerLimits, ServerSection
from connector.runtime.open_files import bounded

CONTINUE = "100-continue"
"""The one expectation that exists."""
NAME_ROOM = 256
"""Bytes of a header line besides the value: the parser's limit counts both."""
IDLE = 75.0
"""Seconds until a connection closes on which no complete request arrives: it is idle, or a head trickles in."""
LINGERING = 2.0
"""Seconds for which a body that nobody wants is read on, so that the sender sees the answer before the connection closes."""
ENDED = "connections were ended, because their clients did not read, or to make room; see server.limits.connections"
LAST_ANSWERS = 2.0
"""Seconds for the connections to end at shutdown, after the requests have ended."""
LOOK_EVERY = 1.0
"""Seconds between two looks, at most, at the connections that have a request under way at shutdown."""


def guarded_runner(
    app: web.Application, server: ServerSection, *, idle: float = IDLE, most: int | None = None
) -> "GuardedRunner":
    """Return the runner to serve `app` with; what is rejected is counted in `app[METRICS]`.

    There are at most `most` connections, by default as many as the settings say.
    """
    limits, observe = server.limits, app[METRICS].observe_rejection
    guard = Guard(
        shapes=ErrorShapes(server.base_paths, server.mbse_base_paths),
        rejections=Rejections(observe=observe),
        endings=Rejections(observe=observe, event=ENDED),
        connections=OpenConnections(most, most) if most else OpenConnections(*_bounds(limits)),
        largest_head=limits.head_total,
        to_read=server.deadlines.write,
        no_room=in_full(too_many_connections()),
        lifecycle=app.get(LIFECYCLE, Lifecycle()),
    )
    return GuardedRunner(app, guard, longest_header=limits.header, idle=idle)


def _bounds(limits: ServerLimits) -> tuple[int, int]:
    """Return how many connections there may be in all, and from one address."""
    most = bounded(limits.connections)
    return most, min(limits.connections_per_address or most, most)


class GuardedRunner(web.AppRunner):
    """Serves an application within the bounds."""

    __slots__ = ("_guard", "_idle", "_longest")

    def __init__(self, app: web.Application, guard: Guard, *, longest_header: int, idle: float) -> None:
        super().__init__(app, shutdown_timeout=LAST_ANSWERS)
        self._guard = guard
        self._longest = longest_header + NAME_ROOM
        self._idle = idle

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return _BoundedServer(
            plain.request_handler,
            self._guard,
            request_factory=plain.request_factory,
            max_field_size=self._longest,
            max_line_size=self._longest,  # the pure Python parser holds an unfinished header against this one
            keepalive_timeout=self._idle,
            lingering_time=LINGERING,
            auto_decompress=False,
            access_log=None,
        )

    async def finish(self, seconds: float) -> int:
        """Take no connection any more, and wait at most so many seconds for the requests that are under way.

        Call it once the application drains. Returns how many connections have a request that is not finished. `cleanup` breaks
        these off.
        """
        until = time.monotonic() + seconds
        for site in [*self.sites]:
            await site.stop()
        await asyncio.sleep(0)  # requests that have come by now begin
        # Looked at again and again, because a connection may have come just before the last site was stopped.
        while (ending := self._ending()) and (left := until - time.monotonic()) > 0:
            await asyncio.wait(ending, timeout=min(left, LOOK_EVERY))
        return len(ending)

    def _ending(self) -> list[asyncio.Task[None]]:
        connections = self.server.connections if self.server is not None else []
        ending = [connection.ending() for connection in connections if isinstance(connection, Connection)]
        return [task for task in ending if task is not None and not task.done()]

    async def cleanup(self) -> None:
        """Break off what is left, and tell what was rejected."""
        await super().cleanup()
        self._guard.rejections.tell()
        self._guard.endings.tell()


class _BoundedServer(web.Server):
    def __init__(
        self, handler: Callable[[Any], Awaitable[web.StreamResponse]], guard: Guard, *, request_factory: Any, **options: Any
    ) -> None:
        super().__init__(self._handle, request_factory=request_factory, **options)
        self._guard = guard
        self._application = handler

    def __call__(self) -> RequestHandler:
        return Connection(self, self._guard, loop=self._loop, **self._kwargs)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        # aiohttp looks at this header before any middleware runs, and quotes it in its answer.
        if request.headers.get(hdrs.EXPECT, CONTINUE).lower() != CONTINUE:
            self._guard.rejections.count("ExpectationFailed")
            return self._guard.shapes.render(expectation_failed(), request.rel_url.raw_path)
        return await self._application(request)
