"""Campaigns in processes of their own: where this user may mount one, with a small file system that only they see."""

import asyncio
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from tests.torture.life.campaign import Campaign

TOP = Path(__file__).parents[3]
WAYS = (("unshare", "-m"), ("unshare", "-rm"))
"""Into a name space of one's own, in which one may mount: as root, and as anybody."""
SMALL = "mount -t tmpfs -o size=128m tmpfs"


class Broken(Exception):
    """A campaign did not come to its end; carries what it said."""


async def campaign(folder: Path, kills: int, seed: int, *, mutant: str | None = None, small_disk: bool = True) -> Campaign:
    """Run a campaign in an empty folder, if possible on a small disk, and return what it found. Raises `Broken`."""
    folder.joinpath("data").mkdir(mode=0o700)
    script = [sys.executable, "-m", "tests.torture.life.script", str(folder), str(kills), str(seed)]
    around = _on_small_disk(folder / "data") if small_disk else []
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *around, *script, *([mutant] if mutant else []), cwd=TOP, stdout=pipe, stderr=pipe
    )
    try:
        found, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise Broken(f"the campaign of seed {seed} broke:\n{said.decode()}")
    return msgspec.json.decode(found, type=Campaign)


async def side_by_side(kills: int, seed: int) -> list[Campaign]:
    """Run two campaigns that share the kills, one of them on a small disk, if possible."""
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        async with asyncio.TaskGroup() as campaigns:
            running = [
                campaigns.create_task(campaign(Path(one), kills - kills // 2, seed)),
                campaigns.create_task(campaign(Path(other), kills // 2, seed + 1, small_disk=False)),
            ]
        return [each.result() for each in running]


def _on_small_disk(data: Path) -> list[str]:
    """Return what to put before a command so that this folder is a small disk for it; nothing where nobody may mount one."""
    way = _way_to_mount()
    return [*way, "sh", "-c", f"{SMALL} '{data}' && exec \"$@\"", "sh"] if way else []


@cache
def _way_to_mount() -> list[str]:
    with TemporaryDirectory() as folder:
        for way in WAYS:
            command = [*way, "sh", "-c", f"{SMALL} '{folder}'"]
            if shutil.which(way[0]) and subprocess.run(command, check=False, capture_output=True).returncode == 0:
                return [*way]
    return []
