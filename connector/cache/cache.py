"""`session.cache` and `session.system.cache`: typed values under one scope."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from enum import Enum
from functools import partial
from types import UnionType
from typing import Any, NoReturn, TypeVar, cast, overload

import msgspec
import structlog

from connector.cache.encoding import all_unpacked, decoder_of, loaded, packed, unpacked
from connector.cache.entries import Entries
from connector.cache.life import DEFAULT_TTL, checked
from connector.cache.loads import Loads, Place
from connector.model.errors import RequestOver
from drivers import Entry, Scope, Stamp

T = TypeVar("T")
D = TypeVar("D")
log = structlog.get_logger(__name__)

AT_ONCE = 16
"""Keys that `get_many` and `set_many` work on at the same time: more would only wait for a connection to the store."""


class _Absent(Enum):
    ABSENT = 0


_ABSENT = _Absent.ABSENT


class _Over:
    """Stands in for what a closed cache is made of. So an open one pays nothing for the check."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RequestOver("the cache of a session was used after its request; call `connector.session(request)` in each request")


class Cache:
    """The cached values of one session or one system, for one request.

    Values are anything that msgspec encodes. They come back as new objects of the type asked for; a stored value of another
    type is a miss. Keys are any text. `ttl` is in seconds, and a value lives up to a tenth shorter.

    No read that begins after the answer of a cleanup returns what was loaded before that cleanup was received. So a request
    stores nothing once a cleanup has overtaken its read version: what it has read may be from before the cleanup.
    """

    def __init__(self, scope: Scope, read_version: Stamp | None, entries: Entries, loads: Loads, *, login_id: str = "") -> None:
        self.scope = scope
        self._login_id = login_id
        """Part of each key: even if an eviction fails, a new login of a session finds nothing of the one before."""
        self.read_version = read_version
        """The scope's stamp from before the request read anything; None if the authority could not tell it."""
        self._entries = entries
        self._loads = loads

    def close(self) -> None:
        """End its use, with the request that it was made for. Whoever uses it later gets a `RequestOver`."""
        self._entries = cast("Entries", _Over())

    @overload
    async def get(self, key: str, kind: type[T], default: None = None) -> T | None: ...
    @overload
    async def get(self, key: str, kind: type[T], default: D) -> T | D: ...
    @overload
    async def get(self, key: str, kind: UnionType, default: object = None) -> Any: ...
    async def get(self, key: str, kind: Any, default: object = None) -> Any:
        """Return the value, or `default` if there is none."""
        data = self._entries.at_once(self.scope, self._login_id + key)
        found = await self._find(await self._entries.stamp(self.scope), key, kind) if data is None else _fitting(data, kind)
        return default if found is _ABSENT else found

    @overload
    async def get_many(self, keys: Iterable[str], kind: type[T]) -> dict[str, T]: ...
    @overload
    async def get_many(self, keys: Iterable[str], kind: UnionType) -> dict[str, Any]: ...
    async def get_many(self, keys: Iterable[str], kind: Any) -> dict[str, Any]:
        """Return the values that were found, by their keys, in the order asked for."""
        # Copied, because the caller's iterable may be a generator that can be read only once.
        wanted = [*keys]
        stamp = await self._entries.stamp(self.scope)
        found = self._held(stamp, wanted, kind)

        async def find(key: str) -> None:
            found[key] = await self._find(stamp, key, kind)

        await _for_each([key for key in wanted if key not in found], find)
        return {key: found[key] for key in wanted if found[key] is not _ABSENT}

    async def set(self, key: str, value: object, *, ttl: float = DEFAULT_TTL) -> bool:
        """Store the value, and tell whether it was stored.

        It is not if a cleanup has overtaken the request, or if the authority fails. An older value may still be there then.
        Raises `ValueError` for an invalid `ttl`, and `TypeError` for a value that cannot be encoded.
        """
        entry = self._entry(packed(key, value), checked(ttl))
        return entry is not None and await self._entries.set(self.scope, self._login_id + key, entry)

    async def set_many(self, values: Mapping[str, object], *, ttl: float = DEFAULT_TTL) -> bool:
        """`set` each of the values, and tell whether all were stored."""
        life = checked(ttl)
        # Everything is encoded before anything is stored, so that a value that cannot be encoded changes nothing.
        entries = {key: self._entry(packed(key, value), life) for key, value in values.items()}
        stored: list[bool] = []

        async def store(key: str) -> None:
            entry = entries[key]
            stored.append(entry is not None and await self._entries.set(self.scope, self._login_id + key, entry))

        await _for_each([*entries], store)
        return all(stored)

    async def delete(self, key: str) -> None:
        """Forget the value. Raises `drivers.DriverError` if the authority could not: the value may still be there then."""
        await self._entries.delete(self.scope, self._login_id + key)

    async def get_or_load(self, key: str, loader: Callable[[], Awaitable[T]], *, kind: Any, ttl: float = DEFAULT_TTL) -> T:
        """Return the value; if there is none, return what `loader` returns, and store it. `kind` is its type.

        Concurrent calls share one load. Its error is raised in all of them and is not stored. If the caller that loads is
        cancelled, another one takes over. `loader` gets no deadline. A request that a cleanup has overtaken loads for itself
        alone, and so does every request while the authority fails.

        Raises:
            msgspec.ValidationError: what `loader` returns is not of this `kind`.
            TypeError: it cannot be encoded, or nothing can come back as this `kind`.
            RuntimeError: `loader` asks for this value itself.
        """
        life = checked(ttl)
        known = self._entries.at_once(self.scope, self._login_id + key)
        found: T | _Absent = _ABSENT if known is None else _fitting(known, kind)
        if found is not _ABSENT:
            return found
        stamp = await self._entries.stamp(self.scope)
        found = await self._find(stamp, key, kind)
        if found is not _ABSENT:
            return found
        decoder_of(kind)  # refused before anything is loaded
        if stamp is None or stamp != self.read_version:  # overtaken: its load must reach nobody else
            data = await self._load(key, loader)
        else:
            # Only loads of the same stamp and epoch are joined: see `Place`.
            entry = self._login_id + key
            place = Place(self.scope, stamp, entry, self._entries.epoch(self.scope, entry), kind)
            data = await self._loads.join(place, partial(self._find_or_load, place, key, loader, life))
        value: T = loaded(key, data, kind)
        return value

    async def _find_or_load(self, place: Place, key: str, loader: Callable[[], Awaitable[object]], ttl: float) -> bytes:
        data = await self._entries.read(self.scope, place.key, place.stamp, again=True)  # another load may have ended meanwhile
        if data is None or _fitting(data, place.kind) is _ABSENT:
            data = await self._load(key, loader)
            if entry := self._entry(data, ttl):
                await self._entries.keep(self.scope, place.key, entry, place.epoch)
        return data

    async def _load(self, key: str, loader: Callable[[], Awaitable[object]]) -> bytes:
        with self._loads.timed(key):
            return packed(key, await loader())

    async def _find(self, stamp: Stamp | None, key: str, kind: Any) -> Any:
        """Return the value of this type that was stored under this stamp, or `_ABSENT`."""
        data = None if stamp is None else await self._entries.read(self.scope, self._login_id + key, stamp)
        return _ABSENT if data is None else _fitting(data, kind)

    def _held(self, stamp: Stamp | None, keys: Sequence[str], kind: Any) -> dict[str, Any]:
        """Return those values that are known without waiting; `_ABSENT` for one of another type."""
        if stamp is None:
            return {}
        values = self._entries.held(self.scope, [self._login_id + key for key in keys], stamp)
        held = {key: data for key, data in zip(keys, values, strict=True) if data is not None}
        return dict(zip(held, _all_fitting(held.values(), kind), strict=True))

    def _entry(self, data: bytes, ttl: float) -> Entry | None:
        """Return what is stored, under the read version; None without one, because nothing may be stored then."""
        if self.read_version is None:
            return None
        return self._entries.entry(data, self.read_version, ttl)


def _fitting(data: bytes, kind: Any) -> Any:
    try:
        return unpacked(data, kind)
    except msgspec.DecodeError as misfit:
        log.debug("a cached value does not fit the type asked for", error=type(misfit).__name__)  # its text may hold the value
        return _ABSENT


def _all_fitting(values: Collection[bytes], kind: Any) -> list[Any]:
    try:
        return all_unpacked(values, kind)
    except msgspec.DecodeError:
        return [_fitting(data, kind) for data in values]


async def _for_each(keys: Sequence[str], work: Callable[[str], Awaitable[None]]) -> None:
    # One shared iterator: each worker takes the next key, without a queue.
    remaining = iter(keys)

    async def work_on() -> None:
        for key in remaining:
            await work(key)

    async with asyncio.TaskGroup() as workers:
        for _ in range(min(AT_ONCE, len(keys))):
            workers.create_task(work_on())
