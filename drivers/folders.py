"""The only module that makes folders. They are private, whatever the umask is."""

import errno
from pathlib import Path


def make_private_folder(folder: Path) -> None:
    """Make the folder and all missing ones above it, with mode 0700. An existing folder is left as it is.

    Raises:
        OSError: the folder cannot be made, or something else has its name.
    """
    if folder.is_dir():
        return
    if folder.exists():
        raise NotADirectoryError(errno.ENOTDIR, "this is not a folder", str(folder))
    make_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)  # another process may make it at the same time
