"""A Unix socket that its owner alone may use, from the moment it exists."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connector.model.errors import ConfigurationError, RefusedForNow
from connector.runtime.file_access import why_not
from connector.runtime.socket_names import socket_name
from drivers.folders import make_private_folder

AVAILABLE = hasattr(socket, "AF_UNIX")
"""Python has none on Windows."""
PATIENCE = 1.0
"""Seconds for which a server that may be behind a socket has to take a connection."""


@contextmanager
def bound(path: Path, key: str) -> Iterator[socket.socket]:
    """Listen on a socket of mode 0600, and remove its file at the end. What a dead server left is replaced.

    Who connects waits until the server has started. If it did not listen before, another that starts would take it for dead.

    Raises:
        RefusedForNow: naming `key`, if a server listens there.
        ConfigurationError: something else is in the way.
    """
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            make_private_folder(path.parent)
            _clear(path, key)
            _bind(server, path)
            server.listen()
            mine = path.stat()
        except OSError as problem:
            raise ConfigurationError([f"{key}: {path}: {why_not(problem, path)}"]) from problem
        try:
            yield server
        finally:
            _remove(path, mine)
    finally:
        server.close()


def _clear(path: Path, key: str) -> None:
    """Remove what a dead server has left."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise ConfigurationError([f"{key}: {path}: expected a socket or nothing there; it is something else"])
    if _is_served(path):
        raise RefusedForNow([f"{key}: {path}: another server listens there"])
    path.unlink(missing_ok=True)


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(PATIENCE)
        try:
            client.connect(socket_name(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except (TimeoutError, BlockingIOError):  # it is too busy to answer, so it is alive
            return True
    return True


def _bind(server: socket.socket, path: Path) -> None:
    """Bind so that others can never connect: if the mode changed afterwards, they could until then."""
    mask = os.umask(0o177)
    try:
        server.bind(socket_name(path))
    finally:
        os.umask(mask)


def _remove(path: Path, mine: os.stat_result) -> None:
    """Remove our own socket's file, not that of a server which has replaced it."""
    try:
        if os.path.samestat(path.lstat(), mine):
            path.unlink()
    except FileNotFoundError:
        pass
