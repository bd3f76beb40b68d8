"""Caches over drivers of a test's choice, with a clock that the test moves."""

import time
from collections.abc import Callable, Sequence

from connector.cache import Caches, Entries, Loads
from connector.cache.storage import Storage
from connector.config.settings import StorageDeadlines
from drivers import Driver, SessionScope, SystemScope
from drivers.memory import MemoryDriver

SESSION, OTHER, SYSTEM = SessionScope("s1", "A"), SessionScope("s2", "A"), SystemScope("A")

MakeDrivers = Callable[[Callable[[], float]], Sequence[Driver]]
"""Makes the drivers of one more process of a deployment, with this clock."""


class Clock:
    """A clock that runs, and that can be put forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Stack:
    """The caches of one process, whose drivers are open. Nobody's luck shortens a life unless `luck` says so."""

    def __init__(
        self, drivers: Sequence[Driver], clock: Callable[[], float] = time.time, *, read: float = 30, luck: float = 0
    ) -> None:
        self.storage = Storage(drivers, StorageDeadlines(read=read))
        self.caches = Caches(Entries(self.storage, clock=clock, luck=lambda: luck), Loads())


def memory(clock: Callable[[], float] = time.time, name: str = "memory") -> MemoryDriver:
    return MemoryDriver(name, MemoryDriver.Settings(), clock=clock)
