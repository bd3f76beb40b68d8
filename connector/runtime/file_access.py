"""Whether a file is there, and why it cannot be used: perhaps it is another user's."""

import os
import sys
from pathlib import Path


def is_there(path: Path) -> bool:
    """Tell whether there is such a file or folder.

    Raises `OSError` if that cannot be seen. `Path.exists` depends on the version of Python: it raises the error, or says no.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def followed(path: Path) -> Path:
    """Return the file that a name leads to, whether it is there or not.

    Of links that lead in a circle, it is one, and using it tells so. `Path.resolve` raises another error before Python 3.13.
    """
    return Path(os.path.realpath(path))


def why_not(problem: OSError, path: Path) -> str:
    """Return why a file could not be used: whose it is, if that is the reason."""
    if isinstance(problem, PermissionError) and (owner := _other_owner(path.absolute())):
        return owner
    return problem.strerror or str(problem)


def explained(problem: OSError) -> str:
    """Return one line that says which file could not be used, and why."""
    if not isinstance(problem.filename, str | os.PathLike):
        return problem.strerror or str(problem)
    path = Path(problem.filename).absolute()
    return f"{path}: {why_not(problem, path)}"


def _other_owner(path: Path) -> str | None:
    """Tell whose the file is, or the outermost folder on the way to it that keeps this user out; None if it is this user's."""
    folders = [*reversed(path.parents)]
    # The outermost closed folder is what a person has to open, or to own.
    closed = next((folder for folder in folders if not os.access(folder, os.X_OK)), path)
    # A file that is missing in a closed folder cannot be told from one that is there.
    found = closed if os.path.lexists(closed) else closed.parent
    owner, me = found.lstat().st_uid, _me()
    if me is None or owner == me:
        return None
    return f"{found} belongs to {_user(owner)}, and this runs as {_user(me)}; run it as that user"


if sys.platform == "win32":

    def _me() -> int | None:
        return None

    def _user(number: int) -> str:
        return f"the user {number}"

else:
    import pwd

    def _me() -> int | None:
        return os.geteuid()

    def _user(number: int) -> str:
        try:
            return f"{pwd.getpwuid(number).pw_name} (uid {number})"
        except KeyError:
            return f"the user with the uid {number}"
