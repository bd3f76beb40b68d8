"""One process owns a ledger: an advisory lock on a file beside it, which ends with the process, however that ends."""

import os
from pathlib import Path
from typing import IO

from connector.model.errors import RefusedForNow
from connector.runtime.file_access import followed
from connector.runtime.file_lock import lock_at_once


class Lock:
    """The lock of the ledger at `path`, held from `acquire` to `release`.

    Its file, `<name>.owner`, stays, with the number of the process that held it last. It is not the ledger itself: a process
    that closes any descriptor of a file loses all the locks that SQLite holds on it. It lies beside the file, and not beside a
    link to that: all names of a ledger have one lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = followed(path)
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock. Raises `RefusedForNow` if another process, or another part of this one, has it; or `OSError`."""
        file = os.fdopen(
            os.open(self._path.with_name(f"{self._path.name}.owner"), os.O_RDWR | os.O_CREAT, 0o600),
            "r+",
            encoding="ascii",
            errors="replace",
        )
        try:
            lock_at_once(file)
        except BlockingIOError:
            with file:
                owner = file.read(20).strip() or "unknown"
            raise RefusedForNow(
                [f"ledger.path: {self._path}: another process (pid {owner}) uses it; it has one owner, so end that one first"]
            ) from None
        file.write(f"{os.getpid():<19}\n")  # over the old one, as long as it: no room is needed for it on a full disk
        file.flush()
        self._file = file

    def release(self) -> None:
        """Let go. A second call does nothing."""
        if self._file is not None:
            self._file.close()
            self._file = None
