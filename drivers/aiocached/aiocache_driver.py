"""The driver: it turns scopes and keys into digests, entries into bytes, and errors of the libraries into ours."""

import os
import time
from collections.abc import Callable
from importlib import import_module

from drivers.aiocached.aiocache_settings import AiocacheSettings
from drivers.aiocached.layout import Layout, owners_of, pack, unpack
from drivers.aiocached.memory_layout import MemoryLayout
from drivers.aiocached.secret_settings import check_client_certificate, secrets_of
from drivers.aiocached.translation import Translation
from drivers.contract import Capabilities, Driver, Entry, Scope, Sharing, Stamp, Statistics, StoreServer, Usage
from drivers.driver_errors import DriverMisconfigured, DriverUnavailable
from drivers.keys import digest, scope_digest

CAPABILITIES = {
    "memory": Capabilities(),
    "redis": Capabilities(shared=Sharing.MACHINES, durable=True),
    "memcached": Capabilities(shared=Sharing.MACHINES, durable=True, enumerable=False),
}
"""What each back end can do."""


class AiocacheDriver(Driver):
    """A driver over one of aiocache's back ends.

    On Redis every verb is one atomic script. On memcached `put_if_current` compares and writes in two steps; a write that an
    eviction overtakes goes to a bucket that cannot be read any more. There, `purge` frees nothing: evicted bytes stay until
    they expire.
    """

    Settings = AiocacheSettings
    settings: AiocacheSettings

    def __init__(self, name: str, settings: AiocacheSettings, *, clock: Callable[[], float] = time.time) -> None:
        super().__init__(name, settings)
        self._clock = clock
        self._opened: Layout | None = None
        self._store = f"{name}: {settings.place}"
        self._translated = Translation(self._store)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES[self.settings.backend]

    def check(self) -> None:
        # With it, aiocache skips every call and returns as if it had been done.
        if os.environ.get("AIOCACHE_DISABLE") == "1":
            raise DriverMisconfigured(f"{self.name}: AIOCACHE_DISABLE=1 makes aiocache do nothing and say that it did; unset it")
        with self._translated:
            secrets_of(self.settings)
            check_client_certificate(self.settings)
            _made_for(self.settings, self._clock)

    async def open(self) -> None:
        self.check()
        with self._translated:
            self._opened = _made_for(self.settings, self._clock)
        # Known before it is opened, because opening fails with the library's errors as well.
        self._translated = Translation(self._store, self._opened.failures)
        with self._translated:
            await self._opened.open()

    def read_secrets(self) -> None:
        if self._opened is not None:
            with self._translated:
                self._opened.take(secrets_of(self.settings))

    async def aclose(self) -> None:
        layout, self._opened = self._opened, None
        if layout is not None:
            with self._translated:
                await layout.aclose()

    async def ping(self) -> None:
        with self._translated:
            await self._layout.ping()

    async def stamp(self, scope: Scope) -> Stamp:
        with self._translated:
            return await self._layout.stamp(owners_of(scope))

    async def get(self, scope: Scope, key: str) -> Entry | None:
        with self._translated:
            data = await self._layout.get(owners_of(scope), digest(key))
        if data is None:
            return None
        entry = unpack(data)
        return entry if entry.expires_at > self._clock() else None

    async def put(self, scope: Scope, key: str, entry: Entry) -> None:
        # What is not kept must not leave the older copy behind.
        if not await self._put(scope, key, entry, stamp=None):
            await self.delete(scope, key)

    async def put_if_current(self, scope: Scope, key: str, entry: Entry) -> bool:
        return await self._put(scope, key, entry, stamp=entry.stamp)

    async def _put(self, scope: Scope, key: str, entry: Entry, stamp: Stamp | None) -> bool:
        packed = pack(entry, self._clock())
        if packed is None:
            return False
        with self._translated:
            return await self._layout.put(owners_of(scope), digest(key), packed, stamp)

    async def delete(self, scope: Scope, key: str) -> None:
        with self._translated:
            await self._layout.delete(owners_of(scope), digest(key))

    async def evict(self, *scopes: Scope) -> None:
        if scopes:
            with self._translated:
                await self._layout.forget(tuple(scope_digest(scope) for scope in scopes))

    async def purge(self, limit: int) -> bool:
        with self._translated:
            return await self._layout.purge(limit)

    async def statistics(self) -> Statistics:
        with self._translated:
            return await self._layout.statistics()

    async def usage(self, scope: Scope) -> Usage | None:
        with self._translated:
            return await self._layout.usage(scope_digest(scope))

    async def server(self) -> StoreServer | None:
        with self._translated:
            return await self._layout.server()

    @property
    def _layout(self) -> Layout:
        if self._opened is None:
            raise DriverUnavailable("is not open")
        return self._opened


def _made_for(settings: AiocacheSettings, clock: Callable[[], float]) -> Layout:
    """Make the layout of a back end. Its library is imported only now, because an installation may do without it."""
    match settings.backend:
        case "redis":
            _require("redis", settings.backend)
            from drivers.aiocached.redis_layout import RedisLayout  # noqa: PLC0415

            return RedisLayout(settings, secrets_of(settings), clock)
        case "memcached":
            _require("aiomcache", settings.backend)
            from drivers.aiocached.memcached_layout import MemcachedLayout  # noqa: PLC0415

            return MemcachedLayout(settings)
        case "memory":
            return MemoryLayout(settings.max_bytes, clock)


def _require(package: str, extra: str) -> None:
    try:
        import_module(package)
    except ImportError as missing:
        install = f"pip install 'opshub-connector-session[{extra}]'"
        raise DriverMisconfigured(f"needs the package {package}, which is not installed: {install}") from missing
