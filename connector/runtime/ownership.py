"""Files that only this user can read, and names that outlive a power failure, if the platform can do so."""

import os
import stat
from pathlib import Path

HAS_MODES = hasattr(os, "geteuid")
"""False on Windows, which keeps others out by access rights of the folder. These are not checked here."""


def problem_of_secret(descriptor: int) -> str | None:
    """Return what is wrong with a file that holds a secret: it has to be ours, and unreadable for others. None if it is fine."""
    about = os.fstat(descriptor)  # of the open file, because a path could be exchanged in between
    if not stat.S_ISREG(about.st_mode):
        return "expected a plain file"
    if not HAS_MODES:
        return None
    if about.st_uid != os.geteuid():
        return f"belongs to the user with the id {about.st_uid}; expected it to belong to the one who runs this, {os.geteuid()}"
    # Any access by group or others counts, also writing: whoever replaces the keys can read what they seal.
    if about.st_mode & 0o077:
        return f"others may read it (mode {stat.S_IMODE(about.st_mode):04o}); expected mode 0600"
    return None


def synced_folder(folder: Path) -> None:
    """Make a rename or a new name in the folder durable, if the platform can."""
    if HAS_MODES:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            # A new name survives a power failure only if its folder is flushed, too.
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
