"""What the end system is told to do, where it is not left to chance."""

import asyncio
from dataclasses import dataclass, field
from enum import Enum, auto
from math import inf

from tests.torture.life.logins import Way


class Fate(Enum):
    """What happens to one request."""

    FINE = auto()
    UNAVAILABLE = auto()
    BUSY = auto()
    REFUSED = auto()
    RESET_BEFORE = auto()
    """The connection is reset, and nothing was done."""
    RESET_AFTER = auto()
    """It was done, and the connection is reset: the end system itself has told nobody."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How logins are renewed."""

    way: Way | None
    """Of all logins to come; None if that is drawn for each."""
    renews: float
    """The share of answers that renew a login, if it is one that is renewed, or of requests that find it expired."""
    late: float
    """Seconds that an answer with a new cookie may take besides, so that a later one overtakes it."""


DRAWN = Habits(None, 0.5, 0.12)


@dataclass(slots=True, eq=False)
class Order:
    """What happens to the next requests of a path."""

    path: str
    fate: Fate
    times: float
    """How many requests; infinite for all."""
    done: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when what such a request asks for was done, and only the answer is to come."""
    go: asyncio.Event = field(default_factory=asyncio.Event)
    """Answers are held while this is not set."""

    async def answers(self) -> None:
        """Return when the answer may be sent."""
        self.done.set()
        await self.go.wait()


class Orders:
    """The orders that are given and not carried out."""

    def __init__(self) -> None:
        self._given: list[Order] = []

    def hold(self, path: str) -> Order:
        """Do what the next request of a path asks for, and hold the answer until the order says `go`."""
        return self._add(Order(path, Fate.FINE, 1))

    def fail(self, path: str, fate: Fate, times: float = inf) -> Order:
        """Let so many requests of a path have this fate."""
        order = self._add(Order(path, fate, times))
        order.go.set()
        return order

    def of(self, path: str) -> Order | None:
        """Return the order for a request that comes, if there is one."""
        for order in self._given:
            if order.path == path and order.times:
                order.times -= 1
                return order
        return None

    def clear(self) -> None:
        """Give up all orders, and let all answers go."""
        for order in self._given:
            order.go.set()
        self._given.clear()

    def _add(self, order: Order) -> Order:
        self._given.append(order)
        return order
