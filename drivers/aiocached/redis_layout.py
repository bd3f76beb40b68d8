"""Entries in Redis or Valkey: one atomic script, and one round trip, for each verb."""

import math
import time
from collections.abc import Callable
from functools import cache, partial
from secrets import token_hex
from typing import Any

import structlog
from aiocache import RedisCache
from aiocache.serializers import NullSerializer
from redis.exceptions import RedisError

from drivers import generations
from drivers.aiocached import lua
from drivers.aiocached.aiocache_settings import AiocacheSettings
from drivers.aiocached.layout import Layout, Owners, Packed, owners_of
from drivers.aiocached.redis_connection import Addressed, StoreLogin, connection_options
from drivers.aiocached.redis_failures import FAILURES, is_from_a_full_server
from drivers.aiocached.redis_greeting import Greeting
from drivers.aiocached.redis_pool import RedisPool
from drivers.aiocached.redis_routes import Route, ToHost, ToMaster, ToSocket
from drivers.aiocached.redis_script import ServerScript
from drivers.aiocached.redis_sentinels import Sentinels
from drivers.aiocached.redis_server import NotTheMaster, UnfitServer
from drivers.aiocached.redis_topology import risks
from drivers.aiocached.secret_settings import Passwords
from drivers.contract import EVERYTHING, Stamp, Statistics, StoreServer, Usage
from drivers.driver_errors import DriverFormatError, DriverMisconfigured, DriverRefusedForNow, DriverUnavailable

log = structlog.get_logger(__name__)

WARN_EVERY = 60.0
"""Seconds between two warnings of a full server, which may have room for a moment in between."""
FULL = "the Redis server is full: it keeps nothing new, and goes on with reads and evictions"
LONGEST_PURGE = 250
"""Entries or buckets that one script frees at most. It blocks the server, for some milliseconds."""
MOST_BUCKETS = 500
"""Buckets that one script looks at for a person: less than two milliseconds of the server's time."""


class RedisLayout(Layout):
    """The layout that `drivers.aiocached.lua` draws."""

    failures = FAILURES

    def __init__(self, settings: AiocacheSettings, passwords: Passwords, clock: Callable[[], float]) -> None:
        self._root = f"{{{settings.namespace}}}"
        self._clock = clock
        self._has_sentinels = bool(settings.sentinels)
        self._server = StoreLogin(settings.username, passwords.server)
        self._sentinels = StoreLogin(settings.sentinel_username, passwords.sentinels)
        self._greeting = Greeting(settings, _route(settings, self._sentinels))
        connection = partial(_connections(settings, self._server), *settings.address)
        self._pool = RedisPool(settings, connection, self._greeting, self._arguments(owners_of(EVERYTHING)))
        self._checked = False
        self._warn_after = 0.0
        """When the log may say again that the server is full, by the monotonic clock."""

    async def open(self) -> None:
        try:
            await self._round_trip()
        except UnfitServer as unfit:
            if self._has_sentinels and isinstance(unfit, NotTheMaster):
                raise  # they will name another one
            # At the start the address is wrong. Later a fail-over can lead it to such a server, and away again. It may lead to a
            # replica at the start as well: perhaps it is a name that will be the new master's.
            refused = DriverRefusedForNow if isinstance(unfit, NotTheMaster) else DriverMisconfigured
            raise refused(str(unfit)) from unfit

    def take(self, passwords: Passwords) -> None:
        self._server.password, self._sentinels.password = passwords.server, passwords.sentinels

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def ping(self) -> None:
        await self._pool.look()
        await self._round_trip()

    async def stamp(self, owners: Owners) -> Stamp:
        # Reading first, because nearly every scope has its generations already.
        tokens = await self._run(lua.STAMP, owners) or await self._write(lua.MINT, owners, *_fresh(owners))
        return Stamp(bytes.fromhex(tokens.decode()))

    async def get(self, owners: Owners, key: bytes) -> bytes | None:
        data: bytes | None = await self._run(lua.GET, owners, key)
        return data

    async def put(self, owners: Owners, key: bytes, packed: Packed, stamp: Stamp | None) -> bool:
        entry = (key, packed.data, repr(packed.expires_at), math.ceil(packed.ttl * 1000))
        if stamp is None:
            return bool(await self._write(lua.PUT, owners, *entry, *_fresh(owners)))
        return bool(await self._write(lua.PUT_IF_CURRENT, owners, *entry, stamp.hex()))

    async def delete(self, owners: Owners, key: bytes) -> None:
        await self._pool.eras.done_where_it_counts(lambda: self._run(lua.DELETE, owners, key))

    async def forget(self, owners: Owners) -> None:
        await self._pool.eras.done_where_it_counts(lambda: self._run(lua.FORGET, owners))

    async def purge(self, limit: int) -> bool:
        return bool(await self._run(lua.PURGE, (), repr(self._clock()), max(1, min(limit, LONGEST_PURGE))))

    async def statistics(self) -> Statistics:
        entries, garbage = await self._run(lua.STATISTICS, (), repr(self._clock()))
        return Statistics(entries=entries, garbage=garbage)

    async def usage(self, owner: bytes) -> Usage:
        entries, size, counted, buckets = await self._run(lua.USAGE, (owner,), MOST_BUCKETS)
        return Usage(entries, None if size < 0 else size, complete=counted >= buckets)

    async def server(self) -> StoreServer:
        seconds, microseconds = map(int, await self._evaluate(lua.TIME, ()))
        seen = self._greeting.server
        return StoreServer(seen.product, seconds + microseconds / 1e6, (*risks(seen),))

    async def _round_trip(self) -> None:
        written = token_hex(8)
        layout, read = await self._evaluate(lua.PING, (), written)
        if layout != lua.FORMAT.encode():
            raise DriverFormatError("holds data of another format than this version's; expected another server or namespace")
        if read != written.encode():
            raise DriverUnavailable("does not keep what is written")
        self._checked = True

    async def _write(self, script: ServerScript, owners: Owners, *arguments: str | bytes | int) -> Any:
        """Run a script that needs room. If the server has none, the log says so, once a minute at most."""
        try:
            return await self._run(script, owners, *arguments)
        except RedisError as problem:
            if is_from_a_full_server(problem) and time.monotonic() >= self._warn_after:
                self._warn_after = time.monotonic() + WARN_EVERY
                log.warning(FULL)
            raise

    async def _run(self, script: ServerScript, owners: Owners, *arguments: str | bytes | int) -> Any:
        if not self._checked:
            await self._round_trip()
        return await self._evaluate(script, owners, *arguments)

    async def _evaluate(self, script: ServerScript, owners: Owners, *arguments: str | bytes | int) -> Any:
        return await self._pool.run(script, *self._arguments(owners, *arguments))

    def _arguments(self, owners: Owners, *arguments: str | bytes | int) -> tuple[str | bytes | int, ...]:
        # The namespace in braces is a hash tag: all keys of one instance lie in one slot.
        keys = [f"{self._root}:g:{owner.hex()}" for owner in owners]
        return len(keys), *keys, self._root, *arguments


def _route(settings: AiocacheSettings, sentinels: StoreLogin) -> Route:
    if settings.unix_socket_path is not None:
        return ToSocket(settings)
    if not settings.sentinels:
        return ToHost(settings)
    return ToMaster(settings, Sentinels(settings, _connections(settings, sentinels)))


def _connections(settings: AiocacheSettings, login: StoreLogin) -> Callable[[str, int], Addressed]:
    """Return a function that makes aiocache's connections to a host and port, not connected yet."""

    def make(host: str, port: int) -> Addressed:
        connection: Addressed = pool(host, port).make_connection()
        return connection

    @cache
    def pool(host: str, port: int) -> Any:
        return RedisCache(
            serializer=NullSerializer(encoding=None),
            namespace="",
            timeout=None,
            endpoint=host,
            port=port,
            create_connection_timeout=settings.connect_timeout,
            connection_pool_kwargs=login.options | connection_options(settings),
        ).client.connection_pool

    return make


def _fresh(owners: Owners) -> list[str]:
    return [token_hex(generations.BYTES) for _ in owners]
