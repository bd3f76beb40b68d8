"""The threshold of the garbage collector, which looks for objects that only refer to each other."""

import gc

NEW_OBJECTS = 50_000
"""New objects, some megabytes, until it runs."""


def raise_threshold() -> None:
    """Run the garbage collector less often, and never over the objects that exist now.

    A cleanup leaves no such objects behind. By default, the collector still looks through all running cleanups again and
    again. Now and then it looks through the whole process, which stops the event loop for a tenth of a second.
    """
    gc.freeze()  # the modules, which stay until the end
    gc.set_threshold(NEW_OBJECTS)
