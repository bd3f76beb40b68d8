"""One core for the server and one for the client, so that only the server is measured."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CORES = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else [0]
SERVING, ASKING = CORES[0], CORES[-1]


def stay_on(*cores: int) -> None:
    """Keep this process, and the processes that it starts, on these cores. On systems other than Linux, do nothing."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, cores)


@contextmanager
def kept_on(core: int) -> Iterator[None]:
    """Keep this process on one core for a while, and what it starts meanwhile for good, unless that chooses another."""
    before = os.sched_getaffinity(0) if sys.platform == "linux" else set()
    stay_on(core)
    try:
        yield
    finally:
        if sys.platform == "linux":
            os.sched_setaffinity(0, before)
