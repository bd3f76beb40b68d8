"""Files that are nobody else's, where the platform has owners and modes, and names that outlive a power failure."""

import os
import stat
from pathlib import Path

HAS_MODES = hasattr(os, "geteuid")
"""Windows keeps others out by the access rights of the folder, which are not looked at here."""


def problem_of_secret(descriptor: int) -> str | None:
    """Say what is wrong with a file that holds a secret, or None: it has to be ours, and nobody else may read it."""
    about = os.fstat(descriptor)
    if not stat.S_ISREG(about.st_mode):
        return "expected a plain file"
    if not HAS_MODES:
        return None
    if about.st_uid != os.geteuid():
        return f"belongs to the user with the id {about.st_uid}; expected it to belong to the one who runs this, {os.geteuid()}"
    if about.st_mode & 0o077:
        return f"others may read it (mode {stat.S_IMODE(about.st_mode):04o}); expected mode 0600"
    return None


def synced_folder(folder: Path) -> None:
    """Make a rename or a new name in the folder durable, where the platform can."""
    if HAS_MODES:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
