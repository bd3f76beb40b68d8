"""A ledger on a file system of a network is told before it breaks."""

import sys
from pathlib import Path

import pytest

from connector.doctor.file_system import file_system_finding
from connector.doctor.finding import Condition

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is mounted stands in /proc")
MOUNTS = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:45 / {folder} rw,relatime shared:9 - tmpfs tmpfs rw
31 30 0:46 / {folder}/shäre\\040one rw,relatime shared:10 master:3 - {kind} server:/export rw
"""


@pytest.mark.parametrize(
    ("kind", "condition"),
    [("nfs4", Condition.FAULT), ("cifs", Condition.FAULT), ("fuse.sshfs", Condition.FAULT), ("xfs", Condition.SOUND)],
)
def test_the_nearest_mount_decides(tmp_path: Path, kind: str, condition: Condition) -> None:
    mounts, folder = tmp_path / "mounts", tmp_path / "shäre one" / "var"
    mounts.write_text(MOUNTS.format(folder=tmp_path, kind=kind), "utf-8")

    found = file_system_finding(folder, mounts)

    assert found is not None
    assert (found.condition, kind in found.seen) == (condition, True)


def test_the_file_system_of_this_machine_is_known(tmp_path: Path) -> None:
    found = file_system_finding(tmp_path)

    assert found is not None
    assert found.condition is Condition.SOUND
