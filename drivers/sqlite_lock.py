"""The lock that processes take on a SQLite file for writing: on a file beside it, which stays open."""

import os
import random
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from drivers.errors import DriverUnavailable

BUSY_TIMEOUT = 5.0
"""Seconds that a writer waits for other processes. It waits in a thread of its own."""


class Busy(DriverUnavailable):
    """Somebody else has the file locked. The connection is as good as before."""


class WriteLock:
    """Held by one process, and by one thread of it, at a time. Every call blocks.

    Its file is opened once and stays open until `close`, so that a process that has no descriptor left can still write down what
    it has done. SQLite has no locks on this file, so closing it drops none.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._turn = threading.Lock()
        """`flock` keeps processes apart, and not the threads that share a descriptor."""
        self._file: FileIO | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Waits at most `BUSY_TIMEOUT` seconds. Raises `Busy` after that, or `OSError`."""
        end = time.monotonic() + BUSY_TIMEOUT
        if not self._turn.acquire(timeout=BUSY_TIMEOUT):
            raise Busy(f"{self._path}: another thread keeps it locked")
        try:
            file = self._locked(end)
            try:
                yield
            finally:
                _unlock(file)
        finally:
            self._turn.release()

    def close(self) -> None:
        """Close the file, once nobody holds the lock. A second call does nothing; the next `held` opens it again."""
        with self._turn:
            self._let_go()

    def _locked(self, end: float) -> FileIO:
        """Return the file, locked. If somebody has removed it, others lock the one that they find: so does this one."""
        while True:
            file = self._opened()
            if not _try_lock(file):
                if time.monotonic() > end:
                    raise Busy(f"{self._path}: another process keeps it locked; see which one has it open")
                time.sleep(random.uniform(0.0002, 0.002))  # noqa: S311 - so that the waiting do not march in step
            elif self._is_in_place(file):
                return file
            else:
                self._let_go()

    def _opened(self) -> FileIO:
        if self._file is None:
            self._file = FileIO(self._path, "r+", opener=lambda path, _: os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        return self._file

    def _let_go(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _is_in_place(self, file: FileIO) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), Path(self._path).stat())
        except FileNotFoundError:
            return False


if sys.platform == "win32":

    def _try_lock(file: FileIO) -> bool:
        """Leave it to SQLite."""
        del file
        return True

    def _unlock(file: FileIO) -> None:
        """Leave it to SQLite."""
else:
    import fcntl

    def _try_lock(file: FileIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(file: FileIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
