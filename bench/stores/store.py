"""The contract of a cache that is compared."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum

from bench.question import Advance
from drivers import SessionScope

LIFE = 3600
"""Seconds that every entry lives: long enough for any run."""
AT_ONCE = 64
"""Sessions that are filled at a time."""


class Place(StrEnum):
    """Where a cache keeps its entries."""

    MEMORY = "memory"
    SQLITE = "SQLite"
    REDIS = "Redis"


class Store(ABC):
    """A cache that keeps entries by session, and can evict all of a session's, or of a system's, at once."""

    name: str
    place = Place.MEMORY

    async def open(self) -> None:
        """Make ready for use."""

    async def aclose(self) -> None:
        """Release everything."""

    @abstractmethod
    async def fill(self, session: SessionScope, entries: Mapping[str, bytes]) -> None:
        """Put entries into a session, as fast as possible."""

    @abstractmethod
    async def read(self, session: SessionScope, key: str) -> bytes | None:
        """Return the value, as a user would read it."""

    @abstractmethod
    async def evict(self, session: SessionScope) -> None:
        """Evict all entries of a session."""

    @abstractmethod
    async def evict_system(self, system: str) -> None:
        """Evict all entries of all sessions of a system."""

    async def tidy(self) -> None:
        """Finish what the eviction has left to the background."""


async def fill(store: Store, sessions: Sequence[SessionScope], entries: Mapping[str, bytes], advance: Advance) -> None:
    """Put the same entries into each of the sessions."""
    for start in range(0, len(sessions), AT_ONCE):
        some = sessions[start : start + AT_ONCE]
        async with asyncio.TaskGroup() as filling:
            for session in some:
                filling.create_task(store.fill(session, entries))
        advance(len(some))
