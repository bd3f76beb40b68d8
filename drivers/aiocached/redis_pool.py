"""Connections to Redis, handed out at once if one is free; otherwise callers wait in turn."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from drivers.aiocached import lua
from drivers.aiocached.aiocache_settings import SILENCE, AiocacheSettings
from drivers.aiocached.eras import NEVER, Eras
from drivers.aiocached.redis_connection import Addressed, Word, said
from drivers.aiocached.redis_failures import is_from_no_master
from drivers.aiocached.redis_greeting import Greeting
from drivers.aiocached.redis_script import ServerScript
from drivers.aiocached.translation import BROKEN
from drivers.driver_errors import DriverUnavailable


class RedisPool:
    """redis-py's connections, without its pool and its client, whose locks, tasks and timers add more than a third to each call.

    A command sets one timer here, and more only if it has to wait for a connection or to make one. redis-py closes a
    connection that is left in mid-answer; the next use connects it anew.

    If a server answers that it is not the master, or does not answer, all connections from before are closed. The next ones
    look the address up anew, and may reach the server that has taken over. So does a connection that has reached its age.

    If a new connection has reached another server, the others are closed, and everything there is invalidated before it is
    used: that server may have been in use earlier, and what was evicted elsewhere since is there still.
    """

    def __init__(
        self, settings: AiocacheSettings, connection: Callable[[], Addressed], greeting: Greeting, invalidate: tuple[Word, ...]
    ) -> None:
        """Make it without any connection.

        Args:
            settings: where the server is, and how long it may take.
            connection: makes a connection that is not connected yet, and that has a connect timeout of its own.
            greeting: connects it.
            invalidate: the arguments with which `lua.FORGET` makes everything unreachable.
        """
        self._settings = settings
        self._connection = connection
        self._greeting = greeting
        self._everything = invalidate
        self._turns = asyncio.Semaphore(settings.pool_size)
        self._free: list[Addressed] = []
        self._closed = False
        self.eras = Eras()
        """One ends when a server turned out not to serve, or no longer to be the one to use."""

    async def run(self, script: ServerScript, *arguments: Word) -> Any:
        """Return what the script answers. It is sent twice if its connection fails, or if the server is not the master.

        Raises:
            DriverUnavailable: no connection became free in time, or the server cannot hold the entries.
            TimeoutError: the server did not answer in time.
            redis.exceptions.RedisError: the answer is an error, or the server cannot be reached, or not in time.
        """
        return await self._run(self._evaluate, script, arguments)

    async def look(self) -> None:
        """Ask the server what it is; a change is logged. Raises as `run` does."""
        await self._run(self._greeting.look)

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

    async def _run(self, ask: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        await self._turn()
        connection = self._taken()
        try:
            return await self._answer(connection, ask, *arguments)
        except RedisError as problem:
            if not isinstance(problem, RedisConnectionError) and not is_from_no_master(problem):
                raise
            return await self._answer(connection, ask, *arguments)
        finally:
            await self._give_back(connection)

    def _taken(self) -> Addressed:
        # The one used last: the others can be closed by the server when they have been idle for long.
        return self._free.pop() if self._free else self._connection()

    async def _give_back(self, connection: Addressed) -> None:
        self._free.append(connection)
        self._turns.release()
        # One of an earlier era leads to a server that was left while this one was in use.
        if self._closed or connection.era != self.eras.now:
            await connection.disconnect(nowait=True)

    async def _answer(self, connection: Addressed, ask: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
        """Ask over this connection. If the server does not serve, leave it."""
        try:
            # Anything to read before a command is the end of the connection.
            if self._is_stale(connection) or await connection.can_read():
                await self._connect(connection)
            return await ask(connection, *arguments)
        except RedisError as problem:
            if is_from_no_master(problem):
                await self._leave_the_server(connection)
            raise
        except BROKEN as problem:
            await connection.disconnect(nowait=True)
            raise RedisConnectionError("the connection is dead, or its answer makes no sense") from problem

    async def _evaluate(self, connection: Addressed, script: ServerScript, arguments: tuple[Word, ...]) -> Any:
        """Run the script by its hash or, if the server does not know that, by its text."""
        form = script.flagged if connection.has_flags else script.plain
        limit = asyncio.timeout(self._settings.operation_timeout)
        try:
            async with limit:
                try:
                    return await said(connection, "EVALSHA", form.sha1, *arguments)
                except NoScriptError:
                    return await said(connection, "EVAL", form.text, *arguments)
        finally:
            # Closed by redis-py, because no answer came: in time, or before the caller gave up.
            if not connection.is_connected and self._seconds_of(limit) >= SILENCE:
                await self._leave_the_server(connection)

    def _seconds_of(self, limit: asyncio.Timeout) -> float:
        """Return the seconds since a limit was set."""
        end = limit.when()
        return 0 if end is None else asyncio.get_running_loop().time() - (end - self._settings.operation_timeout)

    def _is_stale(self, connection: Addressed) -> bool:
        return (
            not connection.is_connected
            or connection.era != self.eras.now
            or time.monotonic() - connection.since > self._settings.connection_max_age
        )

    async def _leave_the_server(self, connection: Addressed) -> None:
        """Close all connections of this one's time or before; those in use once they come back."""
        if connection.era == self.eras.now:
            self.eras.end()
        await self._close_stale(connection, *self._free)

    async def _close_stale(self, *connections: Addressed) -> None:
        for each in connections:
            if self._is_stale(each):
                await each.disconnect(nowait=True)

    async def _connect(self, connection: Addressed) -> None:
        connection.era = NEVER
        # One that began in an earlier era may have reached the former server.
        while connection.era != self.eras.now:
            await connection.disconnect(nowait=True)
            # Noted before it connects: a fail-over during that makes it stale at once.
            connection.era, connection.since = self.eras.now, time.monotonic()
            await self._greeting.connect(connection)
            if connection.era == self.eras.now:
                await self._note_the_server(connection)

    async def _note_the_server(self, connection: Addressed) -> None:
        """Leave the server from before if a new connection has reached another one: nobody may use two masters at once."""
        if self.eras.reached(connection.run_id):
            connection.era = self.eras.now
            await self._close_stale(*self._free)
        try:
            await self.eras.clean(connection.era, lambda: self._evaluate(connection, lua.FORGET, self._everything))
        except BaseException:
            # Whatever came in between: it must not be used.
            await connection.disconnect(nowait=True)
            raise


async def _take_leave(connection: Addressed) -> None:
    """Close a connection, and wait for its end: over TLS, the server takes part. It is closed without that, too."""
    with suppress(RedisTimeoutError):
        await connection.disconnect()
