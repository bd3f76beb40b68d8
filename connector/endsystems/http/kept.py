"""One connection for a run: for logins that the end system ties to their connection, as with NTLM."""

from contextlib import suppress
from types import TracebackType
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from connector.endsystems.http.authors_answer import PIECE, UNPACKED_LIMIT, EndSystemAnswer


class ConnectionNotKept(aiohttp.ClientConnectionError):
    """The connection that a run is tied to has ended. Nothing is sent over another one."""

    def __str__(self) -> str:
        return 'the connection of this run has ended, and the run may not go on over another (`connection = "kept"`)'


class KeptConnector(aiohttp.TCPConnector):
    """Makes one connection to each server, and never a second one. A request waits until the one before has its answer."""

    def __init__(self, **options: Any) -> None:
        super().__init__(limit=0, limit_per_host=1, keepalive_timeout=None, **options)
        self._connected = set[object]()

    async def _create_connection(self, req: aiohttp.ClientRequest, *how: Any) -> ResponseHandler:
        # Called if there is none in the pool. aiohttp has no public way to say so; its version is pinned.
        if req.connection_key in self._connected:
            raise ConnectionNotKept
        made = await super()._create_connection(req, *how)
        self._connected.add(req.connection_key)
        return made


class KeptAnswer(EndSystemAnswer):
    """An answer that leaves its connection to the next request. What nobody has read of it would end the connection."""

    _ahead: bytes | None = None
    """The body, read before anybody asked for it."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Wait for the head of the answer, and for the body of a redirect or an error, which is seldom read by anybody."""
        await super().start(connection)
        if self._status >= 300:
            # A body that breaks off or is too long is for its reader to deal with. The next request says what has ended.
            with suppress(aiohttp.ClientError, TimeoutError):
                self._ahead = await self._bounded()
        return self

    async def read(self) -> bytes:
        """Return the whole body. Raises `ErrorStatus`, and `UnpackedAnswerTooLarge`."""
        self._raise_unless_looked_at()
        self._body = self._ahead if self._body is None else self._body
        return await super().read()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            with suppress(aiohttp.ClientError, TimeoutError):
                await read_rest(self._content)
        await super().__aexit__(kind, error, trace)


async def read_rest(content: aiohttp.StreamReader) -> None:
    """Read an answer to its end, as far as it is not endless, so that its connection can be used again."""
    rest = 0
    while rest <= UNPACKED_LIMIT and (piece := await content.read(PIECE)):
        rest += len(piece)


async def telling(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Say of a connection that broke what follows from it. Otherwise aiohttp would try some requests once more."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # it was never made
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError, aiohttp.ClientConnectionResetError) as problem:
        # A server that refuses TLS once the connection is made says why in the cause.
        raise ConnectionNotKept from problem.__cause__ or problem
