"""Processes, requests and loads that go on across the steps of a model-based test."""

import asyncio
from dataclasses import dataclass, field

from connector.cache import Cache
from drivers import Scope
from tests.cache.gate import Gate
from tests.cache.slow_loader import SlowLoader
from tests.cache.stacks import Stack


class EndSystemFailed(Exception):
    """What a loader raises when it is told to fail."""


@dataclass
class Process:
    """One process: its caches, and a gate before each of its drivers."""

    number: int
    stack: Stack
    gates: list[Gate]
    owed: list[Scope] = field(default_factory=list)

    @property
    def knows(self) -> bool:
        """Whether it can tell what is current."""
        return not self.gates[-1].failing and not self.owed

    @property
    def reaches_near(self) -> bool:
        return not any(gate.failing for gate in self.gates[:-1])


@dataclass(eq=False)
class Request:
    """A request that goes on until the end: its cache, and the life of its scope when it began, if anybody could tell."""

    process: Process
    scope: Scope
    cache: Cache
    life: int | None


@dataclass(eq=False)
class Load:
    """A `get_or_load` that waits, for its own loader or for somebody else's."""

    request: Request
    key: str
    ttl: float
    loader: SlowLoader[int]
    life: int
    changes: int
    """How often the process had changed the value when it began."""
    shared: bool
    """Whether others may join it, and what it loads may be kept."""
    task: "asyncio.Task[int]"

    @property
    def value_place(self) -> tuple[int, Scope, str]:
        """Which value of which process."""
        return self.request.process.number, self.request.scope, self.key

    @property
    def place(self) -> tuple[object, ...]:
        """What those have in common who share a load."""
        return *self.value_place, self.life, self.changes

    @property
    def called(self) -> bool:
        return self.loader.called.is_set() and not self.task.done()
