"""What Linux tells of a server's process and its files. Other systems tell nothing here."""

import os
import sys
from pathlib import Path

KNOWN = sys.platform == "linux"


def cpu_seconds(pid: int) -> float:
    """Return the processor time of the process so far, with all of its threads and the system's work for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_files(pid: int) -> int:
    """Return how many files and connections the process has open."""
    return len([*Path(f"/proc/{pid}/fd").iterdir()])


def resident_bytes(pid: int) -> int:
    """Return how much memory the process has in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
