"""Where the server stands between its start and its end."""

from dataclasses import dataclass

from aiohttp import web


@dataclass(slots=True)
class Lifecycle:
    """What the readiness check has to know of the process; the process sets it."""

    draining: bool = False
    """Whether the server is shutting down: it finishes what it has begun and wants no new work."""


LIFECYCLE = web.AppKey("lifecycle", Lifecycle)
