"""Which process this is, in words by which another one on the same machine can tell whether it has ended."""

import os
from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")
NAMESPACE = Path("/proc/self/ns/pid")
ENDED = "ZX"
"""States of a process that has ended, and that nobody has waited for yet."""


def own_process() -> str:
    """Return the words for this process; none if the system does not tell."""
    try:
        _, started = _state(os.getpid())
        return f"{_place()} {os.getpid()} {started}"
    except OSError:
        return ""


def has_ended(process: str) -> bool:
    """Tell whether the process of these words is known to have ended. One of another machine or container is not known."""
    if not process:
        return False
    place, pid, started = process.split(" ")
    try:
        if place != _place():
            return False
        os.kill(int(pid), 0)
        state, since = _state(int(pid))
    except ProcessLookupError:
        return True
    except OSError:
        return False  # another user's, which is there
    return state in ENDED or since != started


def _place() -> str:
    """Return what is the same for all processes that see each other: one start of the machine, and one container."""
    return f"{BOOT.read_text().strip()}/{NAMESPACE.readlink()}"


def _state(pid: int) -> tuple[str, str]:
    """Return the state of a process, and when it was started."""
    state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return state, fields[18]
