"""What the operating system says of this process."""

import sys
from pathlib import Path

PAGE = 4096


def resident_bytes() -> int:
    """Return how much memory this process occupies now; on systems other than Linux, at most so far."""
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
    import resource  # noqa: PLC0415 - there is none for Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
