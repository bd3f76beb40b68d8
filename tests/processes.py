"""What the operating system says of another process: from `/proc`, because a bare Debian has no `ps`."""

import subprocess
import sys
from pathlib import Path


def resident_kilobytes(pid: int) -> int:
    """Return how much memory a process holds at this moment."""
    if sys.platform == "linux":
        status = Path(f"/proc/{pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(_from_ps("rss=", pid))


def command_line(pid: int) -> str:
    """Return what anybody on this machine can read of how a process was started."""
    if sys.platform == "linux":
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    return _from_ps("args=", pid)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started, and that have not ended."""
    if sys.platform == "linux":
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    pairs = (line.split() for line in subprocess.check_output(["ps", "-ax", "-o", "pid=,ppid="], text=True).splitlines())
    return [int(child) for child, parent in pairs if int(parent) == pid]


def _from_ps(column: str, pid: int) -> str:
    return subprocess.check_output(["ps", "-ww", "-o", column, "-p", str(pid)], text=True)
