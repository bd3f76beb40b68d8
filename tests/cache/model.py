"""What a reader may and must see: plain dictionaries beside the cache, in which every value is a number of its own."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from math import inf

from connector.cache.entries import LOCAL_LIFE
from drivers import Scope
from drivers.contract import lineage

Place = tuple[Scope, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """What the authority holds."""

    value: int
    until: float


@dataclass(slots=True)
class Model:
    """The truth. A life of a scope ends when the scope, or its system, is evicted from the authority."""

    processes: int
    now: float
    lives: Counter[Scope] = field(default_factory=Counter)
    """How many lives of each evicted scope have ended."""
    kept: dict[Place, Kept] = field(default_factory=dict)
    copies: defaultdict[tuple[int, Place], dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    """Older values that local caches of a process may still show, and until when."""

    def life(self, scope: Scope) -> int:
        return sum(self.lives[each] for each in lineage(scope))

    def stored(self, place: Place, value: int, ttl: float, *, by: int, near_reached: bool) -> None:
        """A process has stored a value; its own local caches know, if they could be reached."""
        self._outdate(place, by=by, near_reached=near_reached)
        self.kept[place] = Kept(value, self.now + ttl)

    def deleted(self, place: Place, *, by: int, near_reached: bool) -> None:
        self._outdate(place, by=by, near_reached=near_reached)
        self.kept.pop(place, None)

    def evicted(self, scope: Scope) -> None:
        """The authority has evicted a scope: nothing in it may ever be seen again, whatever local caches hold."""
        own = lineage(scope)[0]
        self.lives[own] += 1
        self.kept = {place: kept for place, kept in self.kept.items() if own not in lineage(place[0])}
        for key in [key for key in self.copies if own in lineage(key[1][0])]:
            del self.copies[key]

    def must_see(self, place: Place) -> bool:
        """Whether a reader who reaches the authority finds something."""
        kept = self.kept.get(place)
        return kept is not None and kept.until > self.now

    def may_see(self, place: Place, process: int) -> set[int]:
        """Return what a reader in a process may find."""
        old = {value for value, until in self.copies[process, place].items() if until > self.now}
        return old | ({self.kept[place].value} if self.must_see(place) else set())

    def _outdate(self, place: Place, *, by: int, near_reached: bool) -> None:
        """What the authority held so far may be seen only where a local copy of it may still lie."""
        kept = self.kept.get(place)
        for process in range(self.processes):
            copies = self.copies[process, place]
            if process == by and near_reached:
                copies.clear()
            elif kept:
                copies[kept.value] = min(kept.until, self.now + LOCAL_LIFE, copies.get(kept.value, inf))
