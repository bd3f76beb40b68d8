"""The bound of a cache file. Large entries are not kept, and the oldest ones make room before a caller has to wait."""

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from drivers.contract import Entry
from drivers.driver_errors import DriverError
from drivers.sqlite.cache_schema import PAGE_SIZE
from drivers.sqlite.freeing import make_room
from drivers.sqlite_writer import SqliteWriter

log = structlog.get_logger(__name__)

ROW = 512
"""Bytes that an entry takes beside its value and its stamp: its names, its places in the indices, its bucket's."""


class Bound:
    """Keeps a file within `max_bytes`, as every process that shares it does.

    A `put` only adds to a number; the used room is looked up once that number matters. From seven eighths on, room is made in the
    background, in slices, each in one transaction with other writes.
    """

    def __init__(self, writer: SqliteWriter, max_bytes: int, clock: Callable[[], float]) -> None:
        self._writer = writer
        self._max_bytes = max_bytes
        self._clock = clock
        self._used = 0
        """Bytes in use when they were looked up last."""
        self._stored = 0
        """Bytes that were stored since, about."""
        self._warned = False
        self._looking = asyncio.create_task(self._make_room())

    def admits(self, entry: Entry) -> bool:
        """Note that an entry is about to be stored, and tell whether there is room for it.

        There is none for an entry of more than a sixteenth, and none at all while entries come faster than room is made.
        """
        size = len(entry.value) + len(entry.stamp) + ROW
        size += min(size, PAGE_SIZE)  # the rest of a page may be left free
        # A few such entries would push out everything else.
        if size > self._max_bytes // 16:
            self._warn_of_size(len(entry.value))
            return False
        has_room = self._used + self._stored + size <= self._max_bytes
        if has_room:
            self._stored += size
        if not has_room or self._stored > self._max_bytes // 64:
            self._look()
        return has_room

    async def aclose(self) -> None:
        """Stop making room. A slice that has begun is still committed."""
        self._looking.cancel()
        await asyncio.wait([self._looking])

    def _look(self) -> None:
        if self._looking.done():
            self._looking = asyncio.create_task(self._make_room())

    async def _make_room(self) -> None:
        down_to, more = self._max_bytes // 8 * 7, True
        try:
            while more:
                stored = self._stored
                work = partial(make_room, down_to=down_to, max_size=self._max_bytes, now=self._clock())
                room, more = await self._writer.submit(work)
                self._used = room.used
                self._stored -= stored
                # Further down than where it begins, or it would begin again at once.
                down_to = self._max_bytes // 16 * 13
        except DriverError as problem:
            log.debug("room in the cache file is made later", reason=str(problem))

    def _warn_of_size(self, size: int) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                "the cache file keeps no entries of this size, and each read of one is a miss; raise max_bytes", bytes=size
            )
