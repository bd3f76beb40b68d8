"""Room on the disk that is kept back, so that what was done can still be written down when nothing else fits any more."""

import errno
import os
import shutil
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

FULL_DISK = "the disk is full; free some space"
SIZE = 4 * 1024 * 1024
"""Bytes: as much as the write-ahead log grows to between two checkpoints."""


class Reserve:
    """A file that takes up room. Every call blocks, for some milliseconds."""

    def __init__(self, path: Path, size: int = SIZE) -> None:
        self._path = path
        self._size = size
        self.is_kept = False
        """Whether the room was kept back when `make` looked last, and not given up since."""
        self.why_not = FULL_DISK
        """Why it could not be kept back when that was tried last."""

    def make(self) -> bool:
        """Keep the room back, unless it is, and say whether there was enough.

        The bytes are random and flushed: a file system that compresses, or allocates late, could promise what it has not got.
        """
        self.is_kept = self._is_there() or self._made()
        return self.is_kept

    def give_up(self) -> None:
        """Let others have the room."""
        self.is_kept = False
        try:
            self._path.unlink(missing_ok=True)
        except OSError as problem:
            log.warning(
                "the ledger's reserve cannot be given up: outcomes may go unrecorded until there is room; free some space",
                reason=str(problem),
            )

    def _is_there(self) -> bool:
        try:
            return self._path.stat().st_size == self._size
        except OSError:
            return False

    def _made(self) -> bool:
        try:
            if not self._fits():
                self.why_not = FULL_DISK
                return False
            with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(os.urandom(self._size))
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            self.why_not = FULL_DISK if problem.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} else str(problem.strerror)
            self.give_up()
            return False
        return True

    def _fits(self) -> bool:
        """Tell whether there is room for twice as much. To try it out would take the last room away from others for a moment."""
        return shutil.disk_usage(self._path.parent).free >= 2 * self._size
