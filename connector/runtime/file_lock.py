"""An advisory lock on an open file, which ends with the process, however that ends."""

import sys
from typing import IO

if sys.platform == "win32":
    import msvcrt

    FAR = 1 << 30
    """Windows keeps others from reading what is locked: a byte far behind the number."""

    def lock_at_once(file: IO[str]) -> None:
        """Lock a file for this process until it is closed. Raises `BlockingIOError` if somebody else has it, or `OSError`."""
        file.seek(FAR)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except PermissionError as taken:
            raise BlockingIOError from taken
        finally:
            file.seek(0)
else:
    import fcntl

    def lock_at_once(file: IO[str]) -> None:
        """Lock a file for this process until it is closed. Raises `BlockingIOError` if somebody else has it, or `OSError`."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
