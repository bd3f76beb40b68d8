"""Who acts over the control socket: the user whose process is at its other end, as the system tells it."""

import asyncio
import socket
import struct
from functools import partial

from aiohttp import web

from connector.model.audit import Actor
from connector.runtime.users import user_name
from drivers.threads import in_a_thread

ACTOR = web.RequestKey("actor", Actor)
"""Who asks, if another face serves the same calls."""
WHERE = "control socket"
UNTOLD = "a user of this machine"
"""What is said if the system does not tell: only Linux does."""
CREDENTIALS = struct.Struct("3i")
"""A process, its user and its group: `struct ucred`."""
PATIENCE = 1.0
"""Seconds for the name of a user, which may come from another machine. Otherwise his number is told."""


async def actor_of(request: web.Request) -> Actor:
    """Return who asks: whom another face has found out already, or who is at the other end of the socket."""
    known: Actor | None = request.get(ACTOR)
    if known is not None:
        return known
    transport = request.transport
    link = None if transport is None else transport.get_extra_info("socket")
    if link is None or not hasattr(socket, "SO_PEERCRED") or link.family != socket.AF_UNIX:
        return Actor(UNTOLD, WHERE)
    _, user, _ = CREDENTIALS.unpack(link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
    return Actor(await _name(user), WHERE)


async def _name(user: int) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            return await in_a_thread("the name of a user", partial(user_name, user))
    except (TimeoutError, OSError):
        return f"user {user}"
