"""A place in the authority where the replicas that share it find each other. It has room for one notice: the latest."""

import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from connector.cache.storage import Storage
from connector.runtime.deadline import within
from drivers import DriverError, Entry, Stamp, SystemScope
from drivers.cancellation import cancelled_only_if_asked

T = TypeVar("T")

PLACE = SystemScope("\x00replicas")
"""A scope that is no system's. If somebody evicts it all the same, each replica puts its notice up again."""
KEY = "notice"
DAY = 86_400.0
"""Seconds that a notice stays: longer than any difference between two machines' clocks. Its age tells nothing."""


class Board:
    """Reads and writes the notice. An authority that does not answer has none."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._authority = storage.authority

    async def word(self) -> bytes:
        """Return what stands for this very store: the same for all who share it, and another one elsewhere. Empty if unknown."""
        return await self._asked(partial(self._authority.stamp, PLACE)) or b""

    async def read(self) -> bytes | None:
        """Return the notice."""
        entry = await self._asked(partial(self._authority.get, PLACE, KEY))
        return None if entry is None else entry.value

    async def write(self, notice: bytes, word: bytes) -> None:
        """Put up a notice instead of the one that is there, unless the store is no longer the one that gave this word."""
        entry = Entry(notice, Stamp(word), time.time() + DAY)
        await self._asked(partial(self._authority.put_if_current, PLACE, KEY, entry))

    async def _asked(self, question: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        if not self._storage.watch.is_up(self._authority.name):
            return None
        try:
            with cancelled_only_if_asked:
                return await within(self._storage.deadlines.read, question())
        except (TimeoutError, DriverError):
            return None
