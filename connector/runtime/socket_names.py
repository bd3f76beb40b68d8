"""Names of Unix sockets: systems take short paths only."""

import os
from pathlib import Path

LONGEST = 100
"""Bytes: systems take 103 to 107."""


def socket_name(path: Path) -> str:
    """Return the path, or what leads there from the working directory if the path itself is too long for a socket."""
    name = os.fspath(path)
    return name if len(os.fsencode(name)) <= LONGEST else os.path.relpath(name)
