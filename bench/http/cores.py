"""Which core serves and which asks, so that a server is measured and not what it shares a core with."""

import os
import sys

CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else [0]
SERVING, ASKING = CORES[0], CORES[-1]


def stay_on(core: int) -> None:
    """Keep this process, and what it starts from now on, on one core; on systems other than Linux, where the system likes."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {core})
