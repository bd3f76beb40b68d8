"""What is written to the cache file: functions of a connection inside a transaction. The file's layout is in `schema`."""

import sqlite3
from collections.abc import Collection
from functools import lru_cache
from secrets import token_bytes
from struct import pack
from zlib import crc32

from drivers.contract import MAX_TTL, Entry, Scope, Stamp, lineage
from drivers.keys import digest, scope_digest
from drivers.sqlite_file import DamagedRow

TOKEN = 16
"""Bytes of a generation."""
TOGETHER = 500
"""Scopes that one statement evicts: SQLite bounds the values of a statement."""
DAY = 24 * 3600
IDLE_DAYS = 30
"""Days after which a generation that nobody used is forgotten: longer than any entry lives."""


def name_of(connection: sqlite3.Connection, scope: Scope) -> Stamp | None:
    """Return the name of the scope's bucket, which is also its stamp: its owners' generations. None where one is missing."""
    owners = _owners(scope)
    known = f"SELECT scope, token FROM generations WHERE scope IN ({_marks(owners)})"  # noqa: S608 - question marks
    tokens = dict(connection.execute(known, owners))
    if len(tokens) < len(owners):
        return None
    return Stamp(b"".join(_whole(tokens.get(owner)) for owner in owners))


def mint(connection: sqlite3.Connection, scope: Scope, now: float) -> Stamp:
    """Return the name of the scope's bucket, with fresh generations where there are none, and note that they are in use."""
    connection.executemany(
        "INSERT INTO generations VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET used = excluded.used WHERE used <> excluded.used",
        [(owner, token_bytes(TOKEN), now // DAY) for owner in _owners(scope)],
    )
    return Stamp(_whole(name_of(connection, scope)))


def store(connection: sqlite3.Connection, scope: Scope, key: str, entry: Entry, now: float) -> bool:
    """Store an entry in the scope's present bucket, unless it has expired."""
    if entry.expires_at <= now:
        return False
    bucket, hashed = mint(connection, scope, now), digest(key)
    connection.executemany("INSERT OR IGNORE INTO buckets VALUES (?, ?)", [(token, bucket) for token in _tokens(bucket)])
    expires_at = min(entry.expires_at, now + MAX_TTL)
    connection.execute(
        "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?)",
        (bucket, hashed, expires_at, checksum(scope, hashed, expires_at, entry.stamp, entry.value), entry.stamp, entry.value),
    )
    return True


def store_if_current(connection: sqlite3.Connection, scope: Scope, key: str, entry: Entry, now: float) -> bool:
    """Store an entry if its stamp is the scope's current one."""
    return name_of(connection, scope) == entry.stamp and store(connection, scope, key, entry, now)


def delete(connection: sqlite3.Connection, scope: Scope, key: str) -> None:
    """Delete an entry from the scope's present bucket."""
    connection.execute("DELETE FROM entries WHERE bucket = ? AND key = ?", (name_of(connection, scope), digest(key)))


def evict(connection: sqlite3.Connection, scopes: Collection[Scope]) -> None:
    """Forget the generations of the scopes: nothing that lies in a bucket named by them can be reached again."""
    owners = [_owners(scope)[0] for scope in scopes]
    for start in range(0, len(owners), TOGETHER):
        some = owners[start : start + TOGETHER]
        _end(connection, f"scope IN ({_marks(some)})", *some)


def purge(connection: sqlite3.Connection, limit: int, now: float) -> bool:
    """Free about `limit` entries that are unreachable or have expired. Returns whether there may be more."""
    freed = _free_unreachable(connection, limit)
    if freed < limit:
        freed += _free_expired(connection, limit - freed, now)
    return freed >= limit or _end_idle(connection, limit - freed, now)


def checksum(scope: Scope, key: bytes, expires_at: float, stamp: bytes, value: bytes) -> int:
    """Return what tells an entry from an altered one, or from another's: SQLite does not notice most bits that a disk changes."""
    return crc32(b"".join([*_owners(scope), key, pack("!d", expires_at), stamp, value]))


@lru_cache(maxsize=4_096)
def _owners(scope: Scope) -> tuple[bytes, ...]:
    """Whose generations name the bucket of `scope`, its own first."""
    return tuple(map(scope_digest, lineage(scope)))


def _whole(value: bytes | None) -> bytes:
    """Return what is bytes in every row that was ever written."""
    if not isinstance(value, bytes):
        raise DamagedRow("a generation or a bucket has lost its name")
    return value


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" * len(values))


def _tokens(bucket: bytes) -> list[bytes]:
    return [bucket[start : start + TOKEN] for start in range(0, len(bucket), TOKEN)]


def _end(connection: sqlite3.Connection, which: str, *parameters: object) -> int:
    """Forget generations, and note that the buckets named by them are garbage. `which` is one of this module's own conditions."""
    connection.execute(f"INSERT INTO garbage SELECT token FROM generations WHERE {which}", parameters)  # noqa: S608
    return connection.execute(f"DELETE FROM generations WHERE {which}", parameters).rowcount  # noqa: S608


def _free_unreachable(connection: sqlite3.Connection, limit: int) -> int:
    freed = 0
    while freed < limit:
        token = connection.execute("SELECT token FROM garbage LIMIT 1").fetchone()
        if token is None:
            break
        bucket = connection.execute("SELECT bucket FROM buckets WHERE token = ? LIMIT 1", token).fetchone()
        if bucket is None:
            connection.execute("DELETE FROM garbage WHERE token = ?", token)
            freed += 1
        else:
            freed += _free_bucket(connection, _whole(bucket[0]), limit - freed)
    return freed


def _free_bucket(connection: sqlite3.Connection, bucket: bytes, limit: int) -> int:
    """Free up to `limit` entries of a bucket, and the bucket itself once it is empty."""
    freed = connection.execute(
        "DELETE FROM entries WHERE bucket = ? AND key IN (SELECT key FROM entries WHERE bucket = ? LIMIT ?)",
        (bucket, bucket, limit),
    ).rowcount
    if freed < limit:
        connection.executemany("DELETE FROM buckets WHERE token = ? AND bucket = ?", [(each, bucket) for each in _tokens(bucket)])
        freed += 1
    return freed


def _free_expired(connection: sqlite3.Connection, limit: int, now: float) -> int:
    expired = "SELECT bucket, key FROM entries WHERE expires_at <= ? ORDER BY expires_at LIMIT ?"
    return connection.execute(f"DELETE FROM entries WHERE (bucket, key) IN ({expired})", (now, limit)).rowcount  # noqa: S608


def _end_idle(connection: sqlite3.Connection, limit: int, now: float) -> bool:
    """Forget generations that nobody uses any more, and say whether there were any: they leave garbage behind."""
    idle = "SELECT scope FROM generations WHERE used < ? ORDER BY used LIMIT ?"
    return _end(connection, f"scope IN ({idle})", now // DAY - IDLE_DAYS, limit) > 0
