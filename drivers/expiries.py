"""Entries by their expiry, so that expired ones are found without a look at the others."""

from heapq import heappop, heappush
from typing import Generic, TypeVar

Bucket = TypeVar("Bucket")


class Expiries(Generic[Bucket]):
    """Keys in buckets, by the minute after which they have expired. The cost of an operation does not depend on their number."""

    def __init__(self) -> None:
        self._keys: dict[int, dict[Bucket, set[str]]] = {}
        self._minutes: list[int] = []
        """A heap of the keys of `_keys`."""

    def add(self, bucket: Bucket, key: str, expires_at: float) -> None:
        """Note an entry."""
        # By the minute, because a heap of single entries would grow with the cache, and has no cheap removal.
        minute = _minute_after(expires_at)
        if minute not in self._keys:
            self._keys[minute] = {}
            heappush(self._minutes, minute)
        self._keys[minute].setdefault(bucket, set()).add(key)

    def discard(self, bucket: Bucket, key: str, expires_at: float) -> None:
        """Forget an entry that was noted with this expiry."""
        buckets = self._keys[_minute_after(expires_at)]
        buckets[bucket].discard(key)
        if not buckets[bucket]:
            del buckets[bucket]

    def take_due(self, now: float) -> tuple[Bucket, str] | None:
        """Take out an entry whose minute is over, if there is one."""
        while self._minutes and self._minutes[0] * 60 <= now:
            buckets = self._keys[self._minutes[0]]
            if buckets:
                bucket, keys = buckets.popitem()
                key = keys.pop()
                if keys:
                    buckets[bucket] = keys
                return bucket, key
            # An empty minute is dropped only when it is due: until then, further entries may come.
            del self._keys[heappop(self._minutes)]
        return None


def _minute_after(expires_at: float) -> int:
    return int(expires_at // 60) + 1
