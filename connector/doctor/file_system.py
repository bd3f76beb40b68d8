"""The file system of the ledger: SQLite needs one whose locks and shared memory work."""

import os
import re
import sys
from pathlib import Path

from connector.doctor.finding import DoctorFinding, fault, sound

MOUNTS = Path("/proc/self/mountinfo")
ESCAPED = re.compile(r"\\([0-7]{3})")
"""How a space or a backslash is written there."""
OF_A_NETWORK = frozenset(
    ["9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"]
)
"""Several machines can mount them, and SQLite's shared memory is that of one machine."""


def file_system_finding(folder: Path, mounts: Path = MOUNTS) -> DoctorFinding | None:
    """Look at the file system of a folder; None if this platform does not tell which it is."""
    if sys.platform != "linux":
        return None
    kind = _kind(Path(os.path.realpath(folder)), mounts.read_text("utf-8", "surrogateescape"))
    if kind in OF_A_NETWORK:
        remedy = "move the ledger to a disk of this machine, or into a database: docs/ledger.md"
        return fault("ledger-file-system", f"{folder} is on {kind}, a file system of a network: a ledger there breaks", remedy)
    return sound("ledger-file-system", f"{folder} is on {kind or 'a file system without a name'}")


def _kind(folder: Path, mounts: str) -> str | None:
    """Return the kind of the file system that is mounted nearest above a folder. The last mount of one place counts."""
    kinds = {}
    for line in mounts.splitlines():
        mount, _, source = line.partition(" - ")
        kinds[ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), mount.split(" ")[4])] = source.split(" ")[0]
    return next((kinds[str(place)] for place in (folder, *folder.parents) if str(place) in kinds), None)
