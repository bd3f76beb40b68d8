"""The one place that makes folders: whatever the umask is, nobody else gets to see what lies in them."""

import errno
from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """Make the folder and those above it, where they are missing, with mode 0700. One that is there is left as it is.

    Raises:
        OSError: it cannot be made, or something else has its name.
    """
    if folder.is_dir():
        return
    if folder.exists():
        raise NotADirectoryError(errno.ENOTDIR, "this is not a folder", str(folder))
    make_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
