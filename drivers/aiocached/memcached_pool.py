"""Connections to memcached that survive cancellation, silence, and a server that dies in mid-answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TypeVar

import aiomcache
from aiocache import MemcachedCache
from aiocache.serializers import NullSerializer
from aiomcache.pool import Connection

from drivers.aiocached.aiocache_settings import AiocacheSettings
from drivers.aiocached.translation import BROKEN
from drivers.host_names import Names, Question, first_to_answer

T = TypeVar("T")
Work = Callable[[MemcachedCache], Awaitable[T]]

CLOSED = (ConnectionError, EOFError, aiomcache.ClientException)
"""The errors of a connection that the server has closed, or whose answer makes no sense."""


class MemcachedPool:
    """Clients of one connection each. A client that is left in mid-answer is closed and never used again.

    aiomcache's own pool takes back a connection whose command was cancelled. The next command then reads the answer to the one
    before (https://github.com/aio-libs/aiomcache/issues/489). It also forgets callers that wait for a lost connection, and has
    no deadlines.
    """

    def __init__(self, settings: AiocacheSettings) -> None:
        self._settings = settings
        self._turns = asyncio.Semaphore(settings.pool_size)
        self._names = Names()
        self._idle: list[MemcachedCache] = []
        self._closed = False

    async def run(self, work: Work[T]) -> T:
        """Run `work` with an idle client or, if the server has closed that one meanwhile, again with a new one.

        Raises:
            TimeoutError: no client became free, or the server did not answer, in time.
        """
        async with self._turn():
            if self._idle:
                with suppress(*CLOSED):
                    return await self._done_with(self._idle.pop(), work)
                await self._close_idle()  # the others are as old
            return await self._done_with(await self._connected(), work)

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

    async def _done_with(self, cache: MemcachedCache, work: Work[T]) -> T:
        result = await _done_whole(cache, work, self._settings.operation_timeout)
        if self._closed:
            await cache.close()
        else:
            self._idle.append(cache)
        return result

    async def _connected(self) -> MemcachedCache:
        host, port = self._settings.address
        async with asyncio.timeout(self._settings.connect_timeout):
            addresses = await self._names.addresses(Question(host))
            return await first_to_answer(addresses, lambda address: self._connected_to(address, port))

    async def _connected_to(self, address: str, port: int) -> MemcachedCache:
        cache = _client(address, port)
        await _done_whole(cache, lambda new: new.raw("version"), self._settings.connect_timeout)
        return cache

    async def _close_idle(self) -> None:
        while self._idle:
            await self._idle.pop().close()


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


class _MemcachedClient(aiomcache.Client):
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
    cache.client = _MemcachedClient(host, port, pool_size=1)
    return cache
