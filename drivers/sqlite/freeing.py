"""Frees unreachable and expired entries in the cache file, and the oldest ones to make room, a slice at a time.

Functions of a connection inside a transaction. No slice holds the writer for more than some milliseconds.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from drivers import generations
from drivers.sqlite.cache_schema import PAGE_SIZE
from drivers.sqlite.statements import DAY, end, filled, marks, tokens_of, whole

SLICE = 250
"""Rows that one transaction deletes at most."""
TOGETHER = 64
"""Buckets whose entries are looked up and deleted together."""
SLICE_BYTES = 8 * 1024 * 1024
"""Bytes of values that one transaction deletes, about: each page of a long value has to be read."""
SLICE_PAGES = 256
"""Pages that one transaction gives back to the disk at most: others are moved into their places."""


@dataclass(slots=True)
class Budget:
    """What one slice may still delete."""

    rows: int
    bytes: int = SLICE_BYTES

    @property
    def is_spent(self) -> bool:
        """Whether the next slice has to go on."""
        return self.rows <= 0 or self.bytes <= 0

    def spend(self, size: int = 0) -> None:
        """Note a deleted row, and the size of its value."""
        self.rows -= 1
        self.bytes -= size


@dataclass(frozen=True, slots=True)
class Room:
    """What a file takes up."""

    used: int
    """Bytes of the pages that hold something."""
    size: int
    """Bytes of all its pages."""


def room(connection: sqlite3.Connection) -> Room:
    """Return what the file takes up. It costs some microseconds: SQLite keeps count."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    return Room(used=(pages - free) * PAGE_SIZE, size=pages * PAGE_SIZE)


def purge(connection: sqlite3.Connection, limit: int, now: float) -> bool:
    """Free about `limit` entries that are unreachable or have expired. Returns whether there may be more."""
    budget = Budget(limit)
    _free_unreachable(connection, budget)
    _free_expired(connection, budget, now)
    return budget.is_spent or _end_idle(connection, budget.rows, now)


def make_room(connection: sqlite3.Connection, *, down_to: int, max_size: int, now: float) -> tuple[Room, bool]:
    """Free a slice if more than `down_to` bytes are used, or give one back if the file is larger than `max_size`.

    Unreachable and expired entries go first, then the oldest ones. Returns the room that the file takes now, and whether there
    is more to do.
    """
    before = room(connection)
    if before.used > down_to and _freed_slice(connection, now):
        return room(connection), True
    if before.size > max(max_size, before.used):
        for _ in range(SLICE_PAGES):
            connection.execute(
                "PRAGMA incremental_vacuum(1)"
            )  # with a larger number, Python's module would only give back the first page
        return room(connection), True
    return before, False


def _freed_slice(connection: sqlite3.Connection, now: float) -> bool:
    budget = Budget(SLICE)
    _free_unreachable(connection, budget)
    _free_expired(connection, budget, now)
    _drop_oldest(connection, budget)
    return budget.rows < SLICE


def _free_unreachable(connection: sqlite3.Connection, budget: Budget) -> None:
    """Free buckets of evicted generations, some of them together, because each statement costs more than its rows."""
    found = "SELECT token, bucket FROM garbage LEFT JOIN buckets USING (token) LIMIT ?"
    while not budget.is_spent and (rows := connection.execute(found, (min(budget.rows, TOGETHER),)).fetchall()):
        if buckets := [whole(bucket) for _, bucket in rows if bucket is not None]:
            _free_buckets(connection, [*dict.fromkeys(buckets)], budget)
        if not budget.is_spent:
            _forget_empty(connection, [*dict.fromkeys(token for token, _ in rows)], budget)


def _free_buckets(connection: sqlite3.Connection, buckets: Sequence[bytes], budget: Budget) -> None:
    """Free entries of buckets, and the buckets themselves once they are empty."""
    some = filled(buckets)
    _delete(connection, budget, f"WHERE bucket IN ({marks(some)})", *some)
    if not budget.is_spent:
        named = [(token, bucket) for bucket in buckets for token in tokens_of(bucket)]
        for start in range(0, len(named), TOGETHER):
            pairs = filled(named[start : start + TOGETHER])
            which = " OR ".join(["token = ? AND bucket = ?"] * len(pairs))
            connection.execute(f"DELETE FROM buckets WHERE {which}", [*chain.from_iterable(pairs)])  # noqa: S608
        for _ in buckets:
            budget.spend()


def _forget_empty(connection: sqlite3.Connection, tokens: Sequence[bytes], budget: Budget) -> None:
    """Forget those of the evicted generations that have no bucket any more."""
    has_none = "NOT EXISTS (SELECT 1 FROM buckets WHERE buckets.token = garbage.token)"
    some = filled(tokens)
    forgotten = f"DELETE FROM garbage WHERE token IN ({marks(some)}) AND {has_none}"  # noqa: S608
    for _ in range(connection.execute(forgotten, some).rowcount):
        budget.spend()


def _free_expired(connection: sqlite3.Connection, budget: Budget, now: float) -> None:
    _delete(connection, budget, "WHERE expires_at <= ? ORDER BY expires_at", now)


def _drop_oldest(connection: sqlite3.Connection, budget: Budget) -> None:
    _delete(connection, budget, "ORDER BY id")


def _delete(connection: sqlite3.Connection, budget: Budget, which: str, *parameters: object) -> None:
    """Delete entries while the budget lasts. `which` is one of this module's own conditions."""
    if budget.is_spent:
        return
    chosen = []
    # Chosen first, because SQLite has no limit by size, and a row of megabytes takes its time.
    found = f"SELECT id, length(value) FROM entries {which} LIMIT ?"  # noqa: S608
    for number, size in connection.execute(found, (*parameters, budget.rows)):
        chosen.append(number)
        budget.spend(size)
        if budget.is_spent:
            break
    some = filled(chosen)
    connection.execute(f"DELETE FROM entries WHERE id IN ({marks(some)})", some)  # noqa: S608


def _end_idle(connection: sqlite3.Connection, limit: int, now: float) -> bool:
    """Forget idle generations, and tell whether there were any, because they leave garbage."""
    idle = "SELECT scope FROM generations WHERE used < ? ORDER BY used LIMIT ?"
    return end(connection, f"scope IN ({idle})", now // DAY - generations.LIFE // DAY, limit) > 0
