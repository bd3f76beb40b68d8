"""Writes to the cache file: functions of a connection inside a transaction. `cache_schema` has the layout."""

import sqlite3
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain
from struct import pack
from typing import TypeVar
from zlib import crc32

from drivers import generations
from drivers.contract import MAX_TTL, MOST_COUNTED, Entry, Scope, Stamp, Usage, lineage
from drivers.keys import digest, scope_digest
from drivers.sqlite_file import DamagedRow

T = TypeVar("T")

TOGETHER = 500
"""Scopes that one statement evicts: SQLite bounds the values of a statement."""
DAY = 24 * 3600


def name_of(connection: sqlite3.Connection, scope: Scope) -> Stamp | None:
    """Return the name of the scope's bucket, which is also its stamp: its owners' generations. None if one is missing."""
    owners = _owners(scope)
    known = f"SELECT scope, token FROM generations WHERE scope IN ({marks(owners)})"  # noqa: S608 - question marks
    tokens = dict(connection.execute(known, owners))
    # Without one of its owners' generations, the bucket was evicted, or never begun.
    if len(tokens) < len(owners):
        return None
    return Stamp(b"".join(whole(tokens.get(owner)) for owner in owners))


def mint(connection: sqlite3.Connection, scope: Scope, now: float) -> Stamp:
    """Return the name of the scope's bucket, make missing generations, and note that they are in use."""
    connection.executemany(
        "INSERT INTO generations VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET used = excluded.used WHERE used <> excluded.used",
        # By the day: noting each use would make every read a write.
        [(owner, generations.new_generation(), now // DAY) for owner in _owners(scope)],
    )
    return Stamp(whole(name_of(connection, scope)))


def store(connection: sqlite3.Connection, scope: Scope, key: str, entry: Entry, now: float) -> bool:
    """Store an entry in the scope's current bucket, unless it has expired."""
    if entry.expires_at <= now:
        return False
    bucket, hashed = mint(connection, scope, now), digest(key)
    connection.executemany("INSERT OR IGNORE INTO buckets VALUES (?, ?)", [(token, bucket) for token in tokens_of(bucket)])
    expires_at = min(entry.expires_at, now + MAX_TTL)
    connection.execute(
        "INSERT OR REPLACE INTO entries (bucket, key, expires_at, checksum, stamp, value) VALUES (?, ?, ?, ?, ?, ?)",
        (bucket, hashed, expires_at, checksum(scope, hashed, expires_at, entry.stamp, entry.value), entry.stamp, entry.value),
    )
    return True


def copy(connection: sqlite3.Connection, scope: Scope, key: str, entry: Entry | None, now: float) -> None:
    """Store an entry in the scope's current bucket. If it is not kept, or None, the earlier one is deleted."""
    if entry is None or not store(connection, scope, key, entry, now):
        delete(connection, scope, key)


def store_if_current(connection: sqlite3.Connection, scope: Scope, key: str, entry: Entry, now: float) -> bool:
    """Store an entry if its stamp is the scope's current one."""
    return name_of(connection, scope) == entry.stamp and store(connection, scope, key, entry, now)


def delete(connection: sqlite3.Connection, scope: Scope, key: str) -> None:
    """Delete an entry from the scope's current bucket."""
    connection.execute("DELETE FROM entries WHERE bucket = ? AND key = ?", (name_of(connection, scope), digest(key)))


def evict(connection: sqlite3.Connection, evictions: Sequence[Collection[Scope]]) -> Sequence[None]:
    """Forget the generations of the scopes of all `evictions`, so that no bucket of theirs can be reached again."""
    owners = [scope_digest(scope) for scope in chain.from_iterable(evictions)]
    # One statement for many scopes, because each statement costs more than its rows.
    for start in range(0, len(owners), TOGETHER):
        some = filled(owners[start : start + TOGETHER])
        end(connection, f"scope IN ({marks(some)})", *some)
    return [None] * len(evictions)


def end(connection: sqlite3.Connection, which: str, *parameters: object) -> int:
    """Forget generations, and note that their buckets are garbage. `which` is a condition of our own."""
    connection.execute(f"INSERT INTO garbage SELECT token FROM generations WHERE {which}", parameters)  # noqa: S608
    return connection.execute(f"DELETE FROM generations WHERE {which}", parameters).rowcount  # noqa: S608


def usage(connection: sqlite3.Connection, scope: Scope) -> Usage:
    """Count what the buckets of a scope hold."""
    counted = """SELECT count(*), coalesce(sum(size), 0) FROM (
        SELECT length(value) AS size FROM buckets JOIN entries USING (bucket)
        WHERE token = (SELECT token FROM generations WHERE scope = ?) LIMIT ?)"""
    entries, size = connection.execute(counted, (_owners(scope)[0], MOST_COUNTED + 1)).fetchone()
    return Usage(min(entries, MOST_COUNTED), size, complete=entries <= MOST_COUNTED)


def checksum(scope: Scope, key: bytes, expires_at: float, stamp: bytes, value: bytes) -> int:
    """Return a checksum that tells an altered or misplaced entry: SQLite misses most bits that a disk changes."""
    return crc32(b"".join([*_owners(scope), key, pack("!d", expires_at), stamp, value]))


@lru_cache(maxsize=4_096)
def _owners(scope: Scope) -> tuple[bytes, ...]:
    """Whose generations name the bucket of `scope`, its own first."""
    return tuple(map(scope_digest, lineage(scope)))


def whole(value: bytes | None) -> bytes:
    """Return a value that is bytes in every sound row. Raises `DamagedRow`."""
    if not isinstance(value, bytes):
        raise DamagedRow("a generation or a bucket has lost its name")
    return value


def marks(values: Collection[object]) -> str:
    """Return a question mark for each of the values."""
    return ", ".join("?" * len(values))


def filled(values: Sequence[T]) -> list[T]:
    """Repeat the last of some values, so that there are few numbers of them: SQLite has each statement ready then."""
    return [*values, *[values[-1]] * ((1 << (len(values) - 1).bit_length()) - len(values))] if values else []


def tokens_of(bucket: bytes) -> list[bytes]:
    """Return the generations that name a bucket."""
    return [bucket[start : start + generations.BYTES] for start in range(0, len(bucket), generations.BYTES)]
