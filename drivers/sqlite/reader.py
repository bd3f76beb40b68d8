"""Reads from the cache file on the event loop's thread: a hop to another thread would take ten times as long."""

from typing import Any

from drivers.contract import Entry, Scope, Stamp
from drivers.keys import digest, scope_digest
from drivers.sqlite.freeing import Room, room
from drivers.sqlite.statements import checksum, name_of
from drivers.sqlite_file import SQLITE_FAILURES, SqliteFile


class SqliteReader:
    """A read-only connection. It remembers the names of scopes until any process writes to the file."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        with file.explained():
            self._connection = file.connect_read_only()
        self._names: dict[Scope, Stamp] = {}
        self._version: int | None = None

    def name(self, scope: Scope) -> Stamp | None:
        """Return the name of the scope's current bucket, which is also its stamp; None without one."""
        try:
            # Each time, because another process may have evicted the scope since.
            self._notice_writes()
            name = self._names.get(scope)
            if name is None and (name := name_of(self._connection, scope)) is not None:
                self._names[scope] = name
        except SQLITE_FAILURES as problem:
            raise self._file.explanation(problem) from problem
        return name

    def entry(self, scope: Scope, key: str) -> Entry | None:
        """Return the entry in the scope's current bucket, even an expired one. None if the disk has altered it."""
        bucket = self.name(scope)
        if bucket is None:
            return None
        hashed = digest(key)
        row = self._one("SELECT checksum, expires_at, stamp, value FROM entries WHERE bucket = ? AND key = ?", (bucket, hashed))
        match row:
            case (noted, float(expires_at), bytes(stamp), bytes(value)):
                # A row that the disk has altered, or that belongs elsewhere, is a miss.
                whole = noted == checksum(scope, hashed, expires_at, stamp, value)
                return Entry(value, Stamp(stamp), expires_at) if whole else None
            case _:
                return None

    def has_generation(self, scope: Scope) -> bool:
        """Tell whether the scope has a generation of its own now."""
        return self._one("SELECT 1 FROM generations WHERE scope = ?", (scope_digest(scope),)) is not None

    def garbage(self) -> int:
        """Count the evicted generations whose buckets have not been freed yet."""
        (count,) = self._one("SELECT count(*) FROM garbage")
        return int(count)

    def room(self) -> Room:
        """Return what the file takes up."""
        try:
            return room(self._connection)
        except SQLITE_FAILURES as problem:
            raise self._file.explanation(problem) from problem

    def close(self) -> None:
        """Close the connection; a second call does nothing."""
        self._connection.close()

    def _notice_writes(self) -> None:
        """Forget the names if another connection has committed since, this process's writer included."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._names.clear()
            self._version = version

    def _one(self, statement: str, parameters: tuple[bytes, ...] = ()) -> Any:
        try:
            return self._connection.execute(statement, parameters).fetchone()
        except SQLITE_FAILURES as problem:
            raise self._file.explanation(problem) from problem
