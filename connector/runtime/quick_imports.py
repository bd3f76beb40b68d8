"""Importing a server's modules, in less time and memory than by default."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connector.runtime.late_certificates import late_certificates

UNUSED = "rich"
"""structlog imports it if it is installed, for tracebacks that a server never prints. It has sixty modules."""


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import without garbage collection, without the system's certificates, and without `rich` unless it is there already.

    Modules stay until the end, so the collector finds nothing in them: looking for it takes a tenth of a start. An import of
    `rich` fails meanwhile as if it were not installed, and works again afterwards. See `late_certificates` for the certificates.
    """
    modules: dict[str, Any] = sys.modules
    collects, hides = gc.isenabled(), UNUSED not in modules
    gc.disable()
    if hides:
        modules[UNUSED] = None
    try:
        with late_certificates():
            yield
    finally:
        if hides:
            del modules[UNUSED]
        if collects:
            gc.freeze()
            gc.enable()
