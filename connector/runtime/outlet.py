"""Standard output and standard error that block nothing, even if their reader has stopped."""

import atexit
import io
import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any, TextIO

import structlog

log = structlog.get_logger(__name__)

HELD = 1024 * 1024
"""Bytes that wait for a reader: several thousand lines. Lines beyond that are lost."""
PAUSE = 0.01
"""Seconds between two writes. Lines that come meanwhile are written together, because many writes cost a busy server more."""
LAST = 2.0
"""Seconds that an ending process waits for its last lines."""


class Outlet:
    """Writes lines to a file descriptor in a thread of its own, so that a full pipe or a stopped terminal holds up nothing else.

    A descriptor that does not block would be simpler. But that is a property of what is open, which is shared with the parent:
    its shell would get it, too.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        self.lost = 0
        """Lines that were not taken in time, or that could not be written."""
        self._descriptor = descriptor
        self._name = name
        self._begin()
        if sys.platform != "win32":
            os.register_at_fork(after_in_child=self._begin)  # the thread, and what waits for it, is the parent's
        atexit.register(self.flush)

    def put(self, lines: bytes) -> None:
        """Write whole lines, soon and in order. Lines without room are lost."""
        with self._lock:
            # Dropped and counted, because waiting for room would block whoever logs.
            if self._size + len(lines) > HELD:
                self.lost += lines.count(b"\n")
                return
            self._size += len(lines)
            self._waiting.append(lines)
            if self._thread is None:
                self._start()
        # Looking is cheaper than setting: setting wakes the thread, and there is a line for each request.
        if not self._called.is_set():
            self._called.set()

    def flush(self, patience: float = LAST) -> None:
        """Wait until all is written or lost, at most for `patience` seconds."""
        end = time.monotonic() + patience
        while self._size and time.monotonic() < end:
            time.sleep(PAUSE / 10)

    def _begin(self) -> None:
        self._lock = threading.RLock()  # the garbage collector may log while it is held, in the same thread
        self._called = threading.Event()
        self._waiting: list[bytes] = []
        self._size = 0
        self._told = self.lost
        self._thread: threading.Thread | None = None

    def _start(self) -> None:
        # A daemon, because a reader that never comes must not keep the process from ending.
        thread = threading.Thread(target=self._run, name=f"writer to {self._name}", daemon=True)
        with suppress(RuntimeError):  # there can be no further thread for now: the next line tries again
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        while True:
            self._called.wait()
            self._called.clear()
            self._write_what_waits()
            time.sleep(PAUSE)

    def _write_what_waits(self) -> None:
        with self._lock:
            lines = b"".join(self._waiting)
            self._waiting.clear()
        # Outside the lock: a full pipe blocks this thread, and must not block those that log.
        unwritten = _unwritten(self._descriptor, lines)
        with self._lock:
            self._size -= len(lines)
            self.lost += unwritten.count(b"\n")
        if self.lost > self._told and not unwritten:  # told once there is a reader again
            lost, self._told = self.lost - self._told, self.lost
            log.warning("lines were lost: nobody took them, or the disk was full", stream=self._name, lines=lost)


def _unwritten(descriptor: int, lines: bytes) -> bytes:
    """Write the lines, however long that takes, and return those that cannot be written."""
    rest = memoryview(lines)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # somebody who shares what is open has made it so that it does not block
            time.sleep(PAUSE)
        except OSError:
            break
    return bytes(rest)


class _Raw(io.RawIOBase):
    """What Python's streams write to, with an outlet behind it."""

    def __init__(self, outlet: Outlet, own: TextIO) -> None:
        super().__init__()
        self.outlet = outlet
        self._own = own

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        """Take lines, as bytes or the like."""
        lines = bytes(data)
        self.outlet.put(lines)
        return len(lines)

    def fileno(self) -> int:
        return self._own.fileno()

    def isatty(self) -> bool:
        return self._own.isatty()


_OUTLETS: dict[str, Outlet] = {}


def outlet_of(stream: TextIO) -> Outlet | None:
    """Return the outlet of standard output or standard error; None for any other stream, which may be closed at any time."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    if isinstance(raw, _Raw):
        return raw.outlet
    names = [name for own, name in ((sys.__stdout__, "standard output"), (sys.__stderr__, "standard error")) if own is stream]
    if not names:
        return None
    [name] = names
    # One outlet for a stream, or two threads would mix their lines.
    if name not in _OUTLETS:
        _OUTLETS[name] = Outlet(stream.fileno(), name)
    return _OUTLETS[name]


def take_over_standard_streams() -> None:
    """Send everything that Python code prints in this process through outlets, libraries and authors included."""
    sys.stdout, sys.stderr = _taken_over(sys.stdout), _taken_over(sys.stderr)


def _taken_over(stream: TextIO) -> TextIO:
    outlet = outlet_of(stream)
    if outlet is None:
        return stream
    stream.flush()
    buffered = io.BufferedWriter(_Raw(outlet, stream))
    taken = io.TextIOWrapper(buffered, encoding=stream.encoding, errors=stream.errors, line_buffering=True)
    atexit.register(taken.flush)  # before the outlet's own
    return taken


def lines_lost() -> int:
    """Return how many lines of standard output and standard error were lost since the process began."""
    return sum(outlet.lost for outlet in _OUTLETS.values())
