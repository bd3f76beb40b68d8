"""A SQLite file that several processes may write: its lock, permissions and connections, and the meaning of its errors."""

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from drivers.driver_errors import DriverError, DriverMisconfigured, DriverUnavailable
from drivers.sqlite_lock import BUSY_TIMEOUT, Busy, WriteLock

SQLITE_VERSION = sqlite3.sqlite_version
READ_TIMEOUT = 0.05
"""Seconds that a reader waits, on the event loop's thread. In WAL mode, it hardly ever has to."""

_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_SUCH_PLACE = {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}


class FullDisk(DriverUnavailable):
    """There is no room for a write. The connection still works."""


_MEANINGS: dict[int, tuple[type[DriverError], str]] = {
    sqlite3.SQLITE_FULL: (FullDisk, "the disk is full; free some space"),
    sqlite3.SQLITE_IOERR: (DriverUnavailable, "reading or writing failed; look at the disk and at its free space"),
    sqlite3.SQLITE_BUSY: (Busy, "another process keeps the file locked; see which one has it open"),
    sqlite3.SQLITE_LOCKED: (Busy, "another connection keeps the file locked"),
    sqlite3.SQLITE_CANTOPEN: (DriverUnavailable, "the file, or one of those beside it, cannot be opened"),
    sqlite3.SQLITE_READONLY: (DriverMisconfigured, "this user may not write the file"),
    sqlite3.SQLITE_PERM: (DriverMisconfigured, "the file may not be used by this user"),
}


SQLITE_FAILURES = (sqlite3.Error, UnicodeDecodeError)
"""What a statement may raise. The second comes from a damaged schema, whose text Python cannot decode."""
SqliteFailure = sqlite3.Error | UnicodeDecodeError


class DamagedFile(DriverUnavailable):
    """The file is not a database, or no longer a whole one."""


class DamagedRow(sqlite3.DatabaseError):
    """A row that SQLite can read, and that this program cannot have written."""


class SqliteFile:
    """One file at one path. `damaged` becomes true when SQLite finds its content malformed."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.damaged = False
        self.connected_to: tuple[int, int] | None = None
        """Which file `connect` found at the path."""
        self._path = str(self.path)
        self._lock = WriteLock(self._path + ".lock")

    @property
    def identity(self) -> tuple[int, int] | None:
        """The file at the path now; None without one. A connection does not notice that its file was replaced."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - on the path of every read, where pathlib costs four times as much
        except OSError:
            return None
        return found.st_dev, found.st_ino

    @property
    def in_place(self) -> bool:
        """Whether the connected file is sound, as far as is known, and still lies at the path."""
        return not self.damaged and self.identity == self.connected_to is not None

    def locked(self) -> AbstractContextManager[None]:
        """Hold the lock that every process takes for writing, checkpointing and closing. Blocks at most `BUSY_TIMEOUT` seconds.

        SQLite's own waiting is unfair among many writers. Before 3.51.3, it can lose a commit while another process checkpoints
        (https://www.sqlite.org/wal.html#walresetbug). On a platform without `flock`, only SQLite's waiting is left.
        """
        return self._lock

    def close(self) -> None:
        """Close the lock's file, which stays open until then. Who made a connection closes it."""
        self._lock.close()

    def create_if_missing(self) -> None:
        """Create the file, empty and for this user only. Call it with the lock held.

        An existing file is not opened for a test, because closing it would drop the locks that SQLite holds on it in this process
        (https://www.sqlite.org/howtocorrupt.html).
        """
        if self.path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "this is a folder; set the path of a file", str(self.path))
        if self.path.exists():
            self._must_be_writable()
            return
        for leftover in self._beside():
            leftover.unlink(missing_ok=True)  # left by a deleted file: SQLite would apply it to the new one
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))

    def _must_be_writable(self) -> None:
        if not os.access(self.path, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError(errno.EACCES, "this user may not read and write the file", str(self.path))

    def move_aside(self) -> Path:
        """Rename the file, so that a new one can begin and a person can look at the old one. Call it with the lock held."""
        # With the time in its name, so that a later damage does not overwrite the earlier file.
        aside = Path(f"{self.path}.corrupt-{time.time_ns() // 1_000_000}")
        for each in self._beside():
            if each.exists():
                each.rename(f"{aside}{each.name.removeprefix(self.path.name)}")
        self.path.rename(aside)
        return aside

    def connect(self) -> sqlite3.Connection:
        """Open an existing file for writing, without Python's implicit transactions."""
        # `mode=rw` does not create: a file that was deleted meanwhile must not come back empty and unnoticed.
        connection = sqlite3.connect(f"{self.path.as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_TIMEOUT)
        self.connected_to = self.identity
        return connection

    def connect_read_only(self) -> sqlite3.Connection:
        """Open an existing file for quick reads on the event loop's thread."""
        return sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=READ_TIMEOUT)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn errors of SQLite and the operating system into a `DriverError` that names the file and what to do."""
        try:
            yield
        except (*SQLITE_FAILURES, OSError) as problem:
            raise self.explanation(problem) from problem

    def explanation(self, problem: SqliteFailure | OSError) -> DriverError:
        """Return what a failure means for an administrator, and note whether the file is damaged."""
        if isinstance(problem, OSError):
            kind = DriverMisconfigured if problem.errno in _NOT_ALLOWED | _NO_SUCH_PLACE else DriverUnavailable
            return kind(f"{problem.filename or self.path}: {problem.strerror}")
        if is_damage(problem):
            self.damaged = True
            return DamagedFile(f"{self.path}: the file is damaged ({problem})")
        error, advice = _MEANINGS.get(_code(problem), (DriverUnavailable, "SQLite failed"))
        return error(f"{self.path}: {advice} ({problem})")

    def _beside(self) -> list[Path]:
        return [Path(f"{self.path}-wal"), Path(f"{self.path}-shm")]


def is_damage(problem: SqliteFailure) -> bool:
    """Tell whether SQLite found that the content of a file is not, or no longer, a database."""
    return isinstance(problem, DamagedRow | UnicodeDecodeError) or _code(problem) in {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }


def _code(problem: SqliteFailure) -> int:
    return getattr(problem, "sqlite_errorcode", 0) & 0xFF  # the rest tells kinds of one error apart
