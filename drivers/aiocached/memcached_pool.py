"""Connections to memcached that survive cancellation, silence, and a server that dies in mid-answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

import aiomcache
from aiocache import MemcachedCache
from aiocache.serializers import NullSerializer
from aiomcache.pool import Connection, MemcachePool

from drivers.aiocached.aiocache_settings import SILENCE, AiocacheSettings
from drivers.aiocached.eras import Eras
from drivers.aiocached.translation import BROKEN
from drivers.host_names import Names, Question, first_to_answer

T = TypeVar("T")
Work = Callable[[MemcachedCache], Awaitable[T]]

CLOSED = (ConnectionError, EOFError, aiomcache.ClientException)
"""The errors of a connection that the server has closed, or whose answer makes no sense."""


@dataclass(frozen=True, slots=True)
class _Connected:
    """A connected client."""

    cache: MemcachedCache
    since: float
    """When it was connected, by the monotonic clock."""
    era: int
    """The pool's era to which it belongs."""


class MemcachedPool:
    """Clients of one connection each. A client that is left in mid-answer is closed and never used again.

    If a server does not answer, all clients from before are closed. The next ones look the address up anew. So does a client
    that has reached its age.

    All clients of one era lead to the same server. If a new one has reached another server, it begins an era, and the others are
    closed. Before it is used, everything on its server is invalidated: what the pool evicted elsewhere may be there still.

    aiomcache's own pool takes back a connection whose command was cancelled. The next command then reads the answer to the one
    before (https://github.com/aio-libs/aiomcache/issues/489). It also forgets callers that wait for a lost connection, and has
    no deadlines.
    """

    def __init__(self, settings: AiocacheSettings, server: Work[bytes], invalidate: Work[None]) -> None:
        """`server` asks which server it is, and `invalidate` makes everything there unreachable."""
        self._settings = settings
        self._ask_which, self._invalidate = server, invalidate
        self._turns = asyncio.Semaphore(settings.pool_size)
        self._names = Names()
        self._idle: list[_Connected] = []
        self._closed = False
        self.eras = Eras()
        """One ends whenever the server did not answer, or a new client has reached another one."""

    async def run(self, work: Work[T]) -> T:
        """Run `work` with an idle client or, if the server has closed that one meanwhile, again with a new one.

        Raises:
            TimeoutError: no client became free, or the server did not answer, in time.
        """
        async with self._turn():
            if client := await self._taken():
                with suppress(*CLOSED):
                    return await self._done_with(client, work)
                await self._close_idle()  # the others are as old
            return await self._done_with(await self._new(), work)

    async def aclose(self) -> None:
        """Close what is idle now, and what is in use when it comes back."""
        self._closed = True
        await self._close_idle()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        async with asyncio.timeout(self._settings.operation_timeout):
            await self._turns.acquire()
        try:
            yield
        finally:
            self._turns.release()

    async def _taken(self) -> _Connected | None:
        """Return an idle client that may be used, and close those that may not."""
        while self._idle:
            client = self._idle.pop()
            if not self._is_stale(client):
                return client
            await client.cache.close()
        return None

    def _is_stale(self, client: _Connected) -> bool:
        return client.era != self.eras.now or time.monotonic() - client.since > self._settings.connection_max_age

    async def _done_with(self, client: _Connected, work: Work[T]) -> T:
        begun, done = time.monotonic(), False
        try:
            result = await _done_whole(client.cache, work, self._settings.operation_timeout)
            done = True
        finally:
            if not done and time.monotonic() - begun >= SILENCE:
                await self._doubt(client)
        # One of an earlier era leads to a server that was left while this one was in use.
        if self._closed or client.era != self.eras.now:
            await client.cache.close()
        else:
            self._idle.append(client)
        return result

    async def _doubt(self, client: _Connected) -> None:
        """Close all clients of this one's era; those in use once they come back."""
        if client.era == self.eras.now:
            self.eras.end()
            await self._close_idle()

    async def _new(self) -> _Connected:
        async with asyncio.timeout(self._settings.connect_timeout):
            while True:
                # Noted before it connects: one that began in an earlier era may have reached the former server.
                era, since = self.eras.now, time.monotonic()
                cache, server = await self._connected()
                async with AsyncExitStack() as unless_used:
                    unless_used.push_async_callback(cache.close)
                    if era == self.eras.now and await self._is_of_an_era(cache, server):
                        unless_used.pop_all()
                        return _Connected(cache, since, self.eras.now)

    async def _is_of_an_era(self, cache: MemcachedCache, server: bytes) -> bool:
        """Tell whether a new client may be used. If it has reached another server than the others, it begins the next era."""
        begins, era = self.eras.reached(server), self.eras.now
        if begins:
            await self._close_idle()
        await self.eras.clean(era, lambda: _done_whole(cache, self._invalidate, self._settings.operation_timeout))
        # Meanwhile another client may have changed the server, and evictions been sent to that one alone.
        return era == self.eras.now

    async def _connected(self) -> tuple[MemcachedCache, bytes]:
        """Return a new client, and its server."""
        host, port = self._settings.address
        addresses = await self._names.addresses(Question(host))
        return await first_to_answer(addresses, lambda address: self._connected_to(address, port))

    async def _connected_to(self, address: str, port: int) -> tuple[MemcachedCache, bytes]:
        cache = _client(address, port)
        return cache, await _done_whole(cache, self._ask_which, self._settings.connect_timeout)

    async def _close_idle(self) -> None:
        while self._idle:
            await self._idle.pop().cache.close()


async def _done_whole(cache: MemcachedCache, work: Work[T], seconds: float) -> T:
    """Run `work` with a client, which is closed if it is left in the middle."""
    async with AsyncExitStack() as unless_done:
        unless_done.push_async_callback(cache.close)
        try:
            async with asyncio.timeout(seconds):
                result = await work(cache)
        except BROKEN as problem:
            raise ConnectionResetError("the connection is dead, or its answer makes no sense") from problem
        # Done to its end: the connection may be used again.
        unless_done.pop_all()
        return result


class _OneConnection(MemcachePool):
    """A pool that connects once. aiomcache's connects anew without a word, and nobody would ask which server that one is."""

    _has_connected = False

    async def _create_new_conn(self) -> Connection | None:
        if self._has_connected:
            raise ConnectionResetError("the server has closed the connection")
        self._has_connected = True
        return await super()._create_new_conn()


class _MemcachedClient(aiomcache.Client):
    def __init__(self, host: str, port: int) -> None:
        super().__init__(host, port, pool_size=1)
        self._pool = _OneConnection(host, port, minsize=1, maxsize=1)

    async def _execute_simple_command(self, conn: Connection, raw_command: bytes) -> bytes:
        # If the server has closed the connection, aiomcache reads the rest of the line for ever, without suspending once. The
        # whole process would hang (https://github.com/aio-libs/aiomcache/issues/502).
        conn.writer.write(raw_command)
        await conn.writer.drain()
        line = await conn.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionResetError("the server closed the connection in the middle of its answer")
        return line[:-2]


def _client(host: str, port: int) -> MemcachedCache:
    # aiocache's client is replaced below, but its encoding of keys and values stays.
    cache = MemcachedCache(
        serializer=NullSerializer(encoding=None), namespace="", timeout=None, endpoint=host, port=port, pool_size=1
    )
    cache.client = _MemcachedClient(host, port)
    return cache
