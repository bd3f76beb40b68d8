"""What a piece of code costs by itself: no other thread, and no collection of the garbage that other tests have left."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail if what is done here takes this thread more processor time. Nothing in it may be awaited."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        started = time.thread_time()
        yield
        took = time.thread_time() - started
    finally:
        if was_enabled:
            gc.enable()
    assert took < seconds
