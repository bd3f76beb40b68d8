"""The lines of those who wait for a seat, one for each pool, in the order in which they came."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from connector.model.seat_pools import Seat

LOOK_EVERY = 1.0
"""Seconds after which the first of a line looks again by itself: a clock, a person or another server may have freed a seat."""


@dataclass(slots=True, eq=False)
class PlaceInLine:
    """One place in a line."""

    called: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it may be worth trying again."""
    has_had_a_victim: bool = False
    """Whether a session has ended to make room for who stands here."""

    async def comes_up(self, until: float) -> bool:
        """Wait until it may be worth looking again. Return False if the time is over, by the loop's clock."""
        left = until - asyncio.get_running_loop().time()
        if left <= 0:
            return False
        with suppress(TimeoutError):
            async with asyncio.timeout(min(left, LOOK_EVERY)):
                await self.called.wait()
        self.called.clear()
        return True


@dataclass(slots=True, eq=False)
class SeatLine:
    """Those who wait for a seat of one pool, the first of whom may take one."""

    digests: Collection[bytes]
    """What rows show of the pool."""
    places: list[PlaceInLine] = field(default_factory=list)
    users: int = 0
    kept_back: int = 0
    """Seats that nobody in the line may take: sessions that had them give them back for a moment, to take them again."""
    victim: asyncio.Task[None] | None = None
    """The search for a session that makes room."""

    @contextmanager
    def joined(self) -> Iterator[PlaceInLine]:
        """Stand at the end of the line while the context is open."""
        place = PlaceInLine()
        self.places.append(place)
        try:
            yield place
        finally:
            self.places.remove(place)
            self.call()

    @contextmanager
    def one_kept_back(self) -> Iterator[None]:
        """Let nobody in the line take the last free seat while the context is open."""
        self.kept_back += 1
        try:
            yield
        finally:
            self.kept_back -= 1
            self.call()

    def is_first(self, place: PlaceInLine) -> bool:
        """Tell whether it is this one's turn."""
        return self.places[0] is place

    def call(self) -> None:
        """Let the first of the line try again."""
        if self.places:
            self.places[0].called.set()


class SeatLines:
    """The lines of all pools for which somebody waits."""

    def __init__(self, digests: Callable[[str], Collection[bytes]]) -> None:
        """`digests` tells what rows show of the pool with a name."""
        self._digests = digests
        self._lines: dict[str, SeatLine] = {}

    @contextmanager
    def of(self, pool: str) -> Iterator[SeatLine]:
        """Give the line of a pool, and keep it while the context is open."""
        line = self._lines.get(pool)
        if line is None:
            line = self._lines[pool] = SeatLine(self._digests(pool))
        line.users += 1
        try:
            yield line
        finally:
            line.users -= 1
            if not line.users:
                del self._lines[pool]

    def given_back(self, seat: Seat | None) -> None:
        """Call the first of those who wait for such a seat: a login has ended that may have held it."""
        if self._lines and seat is not None:
            for line in self._lines.values():
                if seat.pool in line.digests:
                    line.call()

    def not_taken(self, pool: str | None) -> None:
        """Call the first of those who wait for a seat of a pool: a login was not made after all."""
        if self._lines and pool in self._lines:
            self._lines[pool].call()

    def call_all(self) -> None:
        """Let all look who wait, because the server ends."""
        for line in self._lines.values():
            for place in line.places:
                place.called.set()

    def waiting(self) -> int:
        """Return how many wait, in all."""
        return sum(len(line.places) for line in self._lines.values())

    def waiting_for(self, shown: str) -> int:
        """Return how many wait for a seat of the pool that is `shown` so: by the first characters of its digest."""
        return sum(
            len(line.places) for line in self._lines.values() if any(digest.hex().startswith(shown) for digest in line.digests)
        )
