"""Connections to Redis, handed out at once if one is free; otherwise callers wait in turn."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from drivers.aiocached.aiocache_settings import AiocacheSettings
from drivers.aiocached.redis_connection import Addressed
from drivers.aiocached.redis_failures import is_from_no_master
from drivers.aiocached.translation import BROKEN
from drivers.driver_errors import DriverUnavailable
from drivers.host_names import Names, Question, first_to_answer

Word = str | bytes | int


class RedisPool:
    """redis-py's connections, without its pool and its client, whose locks, tasks and timers add more than a third to each call.

    A command sets one timer here, and more only if it has to wait for a connection or to make one. redis-py closes a
    connection that is left in mid-answer; the next use connects it anew.

    If a server answers that it is not the master, all connections from before are closed. The next ones look the address up
    anew, and may reach the server that has taken over.
    """

    def __init__(self, settings: AiocacheSettings, connection: Callable[[], Addressed]) -> None:
        """`connection` makes a connection that is not connected yet, and that has a connect timeout of its own."""
        self._settings = settings
        self._connection = connection
        self._turns = asyncio.Semaphore(settings.pool_size)
        self._free: list[Addressed] = []
        self._names = Names()
        self._closed = False
        self._era = 0
        """Rises whenever the connections turned out to lead to a server that is not the master."""
        self._connected_in: dict[Addressed, int] = {}

    async def run(self, *command: Word) -> Any:
        """Return the server's answer. A command is sent twice if its connection fails, so it must be one that may run twice.

        It is also sent again if the server is not the master.

        Raises:
            DriverUnavailable: no connection became free in time.
            TimeoutError: the server did not answer in time.
            redis.exceptions.RedisError: the answer is an error, or the server cannot be reached, or not in time.
        """
        await self._turn()
        try:
            return await self._run(command)
        finally:
            self._turns.release()

    async def aclose(self) -> None:
        """Close what is free now, and what is in use when it comes back."""
        self._closed = True
        await asyncio.gather(*map(_take_leave, self._free))

    async def _turn(self) -> None:
        # Without a wait, without a timer: setting one costs more than the rest of this method.
        if not self._turns.locked():
            await self._turns.acquire()
            return
        try:
            async with asyncio.timeout(self._settings.operation_timeout):
                await self._turns.acquire()
        except TimeoutError:
            raise DriverUnavailable("has not had a free connection in time; raise pool_size") from None

    async def _run(self, command: tuple[Word, ...]) -> Any:
        # The one used last: the others can be closed by the server when they have been idle for long.
        connection = self._free.pop() if self._free else self._connection()
        try:
            return await self._answer(connection, command)
        except RedisError as problem:
            if not isinstance(problem, RedisConnectionError) and not is_from_no_master(problem):
                raise
            return await self._answer(connection, command)
        finally:
            if self._closed:
                await connection.disconnect(nowait=True)
            self._free.append(connection)

    async def _answer(self, connection: Addressed, command: tuple[Word, ...]) -> Any:
        try:
            if (
                self._is_stale(connection) or await connection.can_read()
            ):  # anything to read before a command is the end of the connection
                await self._connect(connection)
            async with asyncio.timeout(self._settings.operation_timeout):
                await connection.send_command(*command, check_health=False)
                return await connection.read_response()
        except RedisError as problem:
            if is_from_no_master(problem):
                await self._leave_the_server(connection)
            raise
        except BROKEN as problem:
            await connection.disconnect(nowait=True)
            raise RedisConnectionError("the connection is dead, or its answer makes no sense") from problem

    def _is_stale(self, connection: Addressed) -> bool:
        return not connection.is_connected or self._connected_in.get(connection) != self._era

    async def _leave_the_server(self, connection: Addressed) -> None:
        """Close all connections of this one's time or before; those in use once they come back."""
        if self._connected_in.get(connection, self._era) == self._era:
            self._era += 1
        for each in (connection, *self._free):
            if self._is_stale(each):
                await each.disconnect(nowait=True)

    async def _connect(self, connection: Addressed) -> None:
        """Connect, with redis-py's own deadlines for the greeting only, because they cost a task for each command."""
        await connection.disconnect(nowait=True)
        connection.socket_timeout = self._settings.operation_timeout
        # Noted before it connects: a fail-over during that makes it stale at once.
        self._connected_in[connection] = self._era
        async with asyncio.timeout(self._settings.connect_timeout):
            addresses = await self._names.addresses(Question(connection.host))
        await first_to_answer(addresses, partial(_connect_to, connection), RedisError)
        connection.socket_timeout = None


async def _connect_to(connection: Addressed, address: str) -> None:
    connection.address = address
    await cast("Any", connection).connect()


async def _take_leave(connection: Addressed) -> None:
    """Close a connection, and wait for its end: over TLS, the server takes part. It is closed without that, too."""
    with suppress(RedisTimeoutError):
        await connection.disconnect()
