"""Entries in this process's memory: bounded in number and in bytes, and found by when they expire."""

from collections import OrderedDict
from dataclasses import dataclass, field
from sys import getsizeof

from drivers.contract import Entry
from drivers.expiries import Expiries

CHANCES = 8
"""How many entries that were read of late are spared before one has to go."""
OVERHEAD = 500
"""Bytes of memory that an entry takes beside its key and value, in a scope of ten entries or so."""


@dataclass(slots=True, eq=False)
class Bucket:
    """Entries that are reached, and lost, together."""

    entries: "dict[str, Held]" = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Held:
    """An entry, where it lies, and whether anybody has read it since it was last spared."""

    bucket: Bucket
    key: str
    entry: Entry
    used: bool = False


class Shelf:
    """All entries of all buckets. Every operation costs the same, however many there are."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._expiries: Expiries[Bucket] = Expiries()
        self._order: OrderedDict[Held, None] = OrderedDict()
        """The next one that may have to go is the first."""

    def __len__(self) -> int:
        return len(self._order)

    def could_hold(self, key: str, entry: Entry) -> bool:
        """Whether the entry would fit if it were alone."""
        return _size(key, entry) <= self._max_bytes

    def has_room_for(self, key: str, entry: Entry) -> bool:
        """Whether the entry fits beside all others."""
        return len(self._order) < self._max_entries and self._bytes + _size(key, entry) <= self._max_bytes

    def put(self, bucket: Bucket, key: str, entry: Entry) -> None:
        """Hold the entry, in the place of an older one if there is one."""
        if key in bucket.entries:
            self.forget(bucket, key)
        held = bucket.entries[key] = Held(bucket, key, entry)
        self._order[held] = None
        self._bytes += _size(key, entry)
        self._expiries.add(bucket, key, entry.expires_at)

    def forget(self, bucket: Bucket, key: str) -> None:
        """Let go an entry that is there."""
        self._forget(bucket.entries.pop(key))

    def forget_any(self, bucket: Bucket) -> None:
        """Let go one of the entries of a bucket that holds some."""
        self._forget(bucket.entries.popitem()[1])  # no key is looked for: those that went before would have to be stepped over

    def drop_unused(self) -> None:
        """Let go an entry that was not read for long, nearly: by second chance, for which a read only has to leave a mark."""
        for _ in range(CHANCES):
            held = next(iter(self._order))
            if not held.used:
                break
            held.used = False
            self._order.move_to_end(held)
        longest_unread = next(iter(self._order))
        self.forget(longest_unread.bucket, longest_unread.key)

    def drop_expired(self, now: float) -> bool:
        """Let go an entry that expired a minute ago or earlier, and say whether there was one."""
        due = self._expiries.take_due(now)
        if due is None:
            return False
        bucket, key = due
        self._free(bucket.entries.pop(key))
        return True

    def _forget(self, held: Held) -> None:
        self._expiries.discard(held.bucket, held.key, held.entry.expires_at)
        self._free(held)

    def _free(self, held: Held) -> None:
        del self._order[held]
        self._bytes -= _size(held.key, held.entry)


def _size(key: str, entry: Entry) -> int:
    return getsizeof(key) + getsizeof(entry.value) + OVERHEAD
