"""What the operating system tells of this process, or of another one if it can."""

import os
import sys
from pathlib import Path

PAGE = 4096


def resident_bytes(pid: int | None = None) -> int:
    """Return how much memory a process occupies now. On systems other than Linux: this process, at most so far."""
    if sys.platform == "linux":
        return int(Path(f"/proc/{pid or 'self'}/statm").read_text().split()[1]) * PAGE
    import resource  # noqa: PLC0415 - there is none for Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def keep_compiled() -> None:
    """Have each process that is started keep what it has compiled, as pip does for a package that it installs.

    With this variable, each start would compile all modules again, which takes a third of it.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
