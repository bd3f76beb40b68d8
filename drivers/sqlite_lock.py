"""The lock that processes take on a SQLite file for writing: on a file beside it, which stays open."""

import os
import random
import sys
import threading
import time
from io import FileIO
from types import TracebackType

from drivers.driver_errors import DriverUnavailable

BUSY_TIMEOUT = 5.0
"""Seconds that a writer waits for other processes. It waits in a thread of its own."""


class Busy(DriverUnavailable):
    """Another process or thread has locked the file. The connection still works."""


class WriteLock:
    """A context that one thread of one process holds at a time. Every call blocks.

    Its file stays open until `close`, so that a process without a free descriptor can still record what it has done. SQLite has
    no locks on this file, so closing it drops none.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._turn = threading.Lock()
        """For threads: `flock` keeps only processes apart, not threads that share a descriptor."""
        self._file: FileIO | None = None
        self._descriptor = -1
        self._identity = (0, 0)
        """The device and inode of the open file."""

    def __enter__(self) -> None:
        """Take the lock; waits at most `BUSY_TIMEOUT` seconds for threads, and for processes. Raises `Busy`, or `OSError`."""
        # Threads first: two threads of one process share the descriptor, and `flock` lets both pass.
        if not self._turn.acquire(timeout=BUSY_TIMEOUT):
            raise Busy(f"{self._path}: another thread keeps it locked")
        try:
            self._lock()
        except BaseException:
            self._turn.release()
            raise

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        _unlock(self._descriptor)
        self._turn.release()

    def close(self) -> None:
        """Close the file once the lock is free. A second call does nothing. Taking the lock opens the file again."""
        with self._turn:
            self._let_go()

    def _lock(self) -> None:
        """Lock the file. If it was removed, lock the one that is there now, as other processes do."""
        end = 0.0
        while True:
            if self._file is None:
                self._open()
            if not _try_lock(self._descriptor):
                end = end or time.monotonic() + BUSY_TIMEOUT
                self._wait(end)
            # Locked, but perhaps removed in between: then the lock keeps nobody out.
            elif self._is_in_place():
                return
            else:
                self._let_go()

    def _wait(self, end: float) -> None:
        if time.monotonic() > end:
            raise Busy(f"{self._path}: another process keeps it locked; see which one has it open")
        time.sleep(random.uniform(0.0002, 0.002))  # noqa: S311 - so that waiting processes do not collide again

    def _open(self) -> None:
        file = FileIO(self._path, "r+", opener=lambda path, _: os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._file, self._descriptor = file, file.fileno()
        found = os.fstat(self._descriptor)
        self._identity = (found.st_dev, found.st_ino)

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _is_in_place(self) -> bool:
        try:
            found = os.stat(self._path)  # noqa: PTH116 - for each transaction, and pathlib takes four times as long
        except FileNotFoundError:
            return False
        return (found.st_dev, found.st_ino) == self._identity


if sys.platform == "win32":

    def _try_lock(descriptor: int) -> bool:
        """Leave it to SQLite."""
        del descriptor
        return True

    def _unlock(descriptor: int) -> None:
        """Leave it to SQLite."""
else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
