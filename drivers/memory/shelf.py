"""Entries in this process's memory, limited in number and in bytes, and ordered by age and expiry."""

from collections.abc import Iterator
from sys import getsizeof

from drivers.contract import Entry
from drivers.memory.rings import Bucket, ByAge, ByExpiry, Held

CHANCES = 8
"""Recently read entries that are spared before one has to go."""
OVERHEAD = 350
"""Bytes of memory that an entry takes beside its key and value, in a scope of ten entries or so."""


class Shelf:
    """All entries of all buckets. The cost of an operation does not depend on their number."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self.bytes = 0
        """What all entries take together."""
        self._by_age = ByAge()
        self._by_expiry = ByExpiry()

    def __len__(self) -> int:
        return len(self._by_age)

    def could_hold(self, key: str, entry: Entry) -> bool:
        """Whether the entry would fit if it were alone."""
        return _size(key, entry) <= self._max_bytes

    def has_room_for(self, key: str, entry: Entry) -> bool:
        """Whether the entry fits beside all others."""
        return len(self._by_age) < self._max_entries and self.bytes + _size(key, entry) <= self._max_bytes

    def put(self, bucket: Bucket, key: str, entry: Entry) -> None:
        """Hold the entry, in the place of an older one if there is one."""
        if key in bucket.entries:
            self.forget(bucket, key)
        held = bucket.entries[key] = Held(bucket, key, entry)
        self._by_age.add(held)
        self._by_expiry.add(held)
        self.bytes += _size(key, entry)

    def sizes(self, bucket: Bucket) -> Iterator[int]:
        """Yield the bytes that each entry of a bucket takes."""
        return (_size(held.key, held.entry) for held in bucket.entries.values())

    def forget(self, bucket: Bucket, key: str) -> None:
        """Drop an entry that is there."""
        self._free(bucket.entries.pop(key))

    def forget_any(self, bucket: Bucket) -> None:
        """Drop any entry of a bucket that has some."""
        self._free(bucket.entries.popitem()[1])  # no key is looked for: those that went before would have to be stepped over

    def drop_unused(self) -> None:
        """Drop an entry that was probably not read for long. It is the second-chance algorithm: a read only leaves a mark."""
        # Bounded, or one `put` could walk through all entries if all were read.
        for _ in range(CHANCES):
            held = self._by_age.oldest
            if not held.used:
                break
            held.used = False
            self._by_age.remove(held)
            self._by_age.add(held)
        longest_unread = self._by_age.oldest
        self.forget(longest_unread.bucket, longest_unread.key)

    def drop_expired(self, now: float) -> bool:
        """Drop an entry that expired a minute ago or earlier, and tell whether there was one."""
        held = self._by_expiry.due(now)
        if held is not None:
            self.forget(held.bucket, held.key)
        return held is not None

    def _free(self, held: Held) -> None:
        self._by_age.remove(held)
        self._by_expiry.remove(held)
        self.bytes -= _size(held.key, held.entry)


def _size(key: str, entry: Entry) -> int:
    return getsizeof(key) + getsizeof(entry.value) + OVERHEAD
