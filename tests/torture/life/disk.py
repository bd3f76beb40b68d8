"""A disk that can be made to be full: a small file system where there is one, or else a limit on how far files may grow."""

import resource
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

from tests.torture.process import ServerProcess

FILLER = "filler"
A_LITTLE = 16_384
"""Bytes by which a file may still grow when files are limited."""


class Disk(ABC):
    """What the server writes to."""

    way: str
    """How it is filled, in words for the page."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def fill(self) -> None:
        """Leave no room."""

    @abstractmethod
    def free(self) -> None:
        """Make room again. Twice is fine."""


class SmallDisk(Disk):
    """A file system of its own; a file fills it."""

    way = "small disk"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._filler = folder / FILLER

    def fill(self) -> None:
        with self._filler.open("ab", buffering=0) as file:
            size = 1 << 20
            while size:
                try:
                    file.write(bytes(size))
                except OSError:
                    size //= 2

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


class LimitedFiles(Disk):
    """A file system that others need, too: the server's process alone may let no file grow."""

    way = "limited files"

    def __init__(self, folder: Path, server: ServerProcess) -> None:
        super().__init__(folder)
        self._server = server

    def fill(self) -> None:
        largest = max((file.stat().st_size for file in self.folder.glob("*.sqlite3*")), default=0)
        self._limit(largest + A_LITTLE)

    def free(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        # It may have killed itself by now.
        with suppress(ProcessLookupError):
            if self._server.is_running:
                resource.prlimit(self._server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def disk_at(folder: Path, server: ServerProcess) -> Disk:
    """Return the disk that a folder is on."""
    return SmallDisk(folder) if folder.is_mount() else LimitedFiles(folder, server)
