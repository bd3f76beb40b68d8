"""The orders in which held entries may have to go, as rings through the entries themselves.

A separate collection would need three times the memory of these links. Its table would keep the size of the fullest hour, or be
given back all at once, which blocks the event loop.
"""

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import cast

from drivers.contract import Entry


class Links:
    """A place in two rings. A place that is not `Held` marks the beginning and the end of a ring."""

    __slots__ = ("earlier", "later", "newer", "older")

    def __init__(self) -> None:
        self.older = self.newer = self.earlier = self.later = self


@dataclass(slots=True, eq=False)
class Bucket:
    """Entries that are reached, and lost, together."""

    entries: "dict[str, Held]" = field(default_factory=dict)


class Held(Links):
    """An entry, its bucket and key, and whether it was read since it was spared last. The rings set its links."""

    __slots__ = ("bucket", "entry", "key", "used")

    def __init__(self, bucket: Bucket, key: str, entry: Entry) -> None:
        self.bucket = bucket
        self.key = key
        self.entry = entry
        self.used = False


class ByAge:
    """The ring of all entries, the oldest first."""

    def __init__(self) -> None:
        self._end = Links()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def oldest(self) -> Held:
        """The first; there has to be one."""
        return cast("Held", self._end.newer)

    def add(self, held: Held) -> None:
        """Put it last."""
        end, newest = self._end, self._end.older
        held.older, held.newer = newest, end
        newest.newer = end.older = held
        self._count += 1

    def remove(self, held: Held) -> None:
        """Take it out."""
        held.older.newer, held.newer.older = held.newer, held.older
        self._count -= 1


class ByExpiry:
    """A ring for each minute, of the entries that have expired after it: it costs the same, however many there are."""

    def __init__(self) -> None:
        self._ends: dict[int, Links] = {}
        self._minutes: list[int] = []
        """A heap of the keys of `_ends`."""

    def add(self, held: Held) -> None:
        """Note an entry."""
        # Rounded up, so that an entry is never taken before it has expired.
        minute = int(held.entry.expires_at // 60) + 1
        end = self._ends.get(minute)
        if end is None:
            end = self._ends[minute] = Links()
            heappush(self._minutes, minute)
        held.earlier, held.later = end.earlier, end
        end.earlier.later = end.earlier = held

    def remove(self, held: Held) -> None:
        """Forget an entry that was noted."""
        held.earlier.later, held.later.earlier = held.later, held.earlier

    def due(self, now: float) -> Held | None:
        """Return an entry whose minute is over, if there is one."""
        while self._minutes and self._minutes[0] * 60 <= now:
            end = self._ends[self._minutes[0]]
            if end.later is not end:
                return cast("Held", end.later)
            del self._ends[heappop(self._minutes)]
        return None
