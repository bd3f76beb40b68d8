"""The event loop that a server runs on."""

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Any


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes the loop, for `asyncio.Runner`. None stands for asyncio's own: there is no uvloop for Windows."""
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 - see above

    class ServersLoop(uvloop.Loop):
        """uvloop's, which asks no thread about an IP address.

        uvloop 0.23 answers for one at once, but only if the type of socket is named. Its own `sock_connect`, by which aiohttp
        connects, names none. So each connection took two switches between threads.
        """

        async def getaddrinfo(self, host: str | bytes | None, port: str | bytes | int | None, **options: Any) -> list[Any]:
            """Look up where to connect to, as asyncio's loops do. Sockets are streams, if no `type` is named."""
            return await super().getaddrinfo(host, port, **{"type": socket.SOCK_STREAM, **options})

    return ServersLoop
