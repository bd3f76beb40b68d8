"""A full disk, and other things that writing may meet at run time."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from connector.model.errors import LedgerUnavailable
from tests.ledger.ledgers import NAME, opened, raw, record, until

TOP = Path(__file__).parents[2]
SCRIPT = f"exec '{sys.executable}' -m tests.ledger.crowded"


async def succeeds(command: str) -> bool:
    process = await asyncio.create_subprocess_shell(command, cwd=TOP)
    return await process.wait() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on files on this platform")
async def test_if_no_file_may_grow_completions_are_recorded_and_new_debts_refused(tmp_path: Path) -> None:
    assert await succeeds(f"{SCRIPT} '{tmp_path}' limit")


@pytest.mark.skipif(sys.platform == "win32", reason="there is nothing to mount on this platform")
async def test_on_a_full_disk_completions_are_recorded_and_new_debts_refused_for_now(tmp_path: Path) -> None:
    """On a real small file system where this user may mount one; anywhere else a limit on files has to do."""
    mount = f"mount -t tmpfs -o size=24m tmpfs '{tmp_path}'"
    if await succeeds(f'unshare -m sh -c "{mount}" 2>/dev/null'):
        assert await succeeds(f"unshare -m sh -c \"{mount} && {SCRIPT} '{tmp_path}' disk\"")
    else:
        sys.stderr.write("no right to mount a small file system: a limit on files stands in for it\n")
        assert await succeeds(f"{SCRIPT} '{tmp_path}' limit")


async def test_a_file_removed_or_replaced_while_in_use_takes_no_record(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await record(ledger, 1)
        (tmp_path / NAME).rename(tmp_path / "elsewhere")
        with pytest.raises(LedgerUnavailable, match="removed or replaced"):
            await record(ledger, 2)
        shutil.copy(tmp_path / "elsewhere", tmp_path / NAME)
        with pytest.raises(LedgerUnavailable, match="removed or replaced"):
            await record(ledger, 2)
        (tmp_path / NAME).unlink()
        (tmp_path / "elsewhere").rename(tmp_path / NAME)
        assert (await record(ledger, 2)).id == 2


@pytest.mark.skipif(sys.platform != "linux", reason="which descriptors are open is not told on this platform")
async def test_a_connection_whose_descriptors_went_bad_is_replaced(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await record(ledger, 1)
        descriptors = descriptors_of(tmp_path)
        with (tmp_path / NAME).open("rb") as unwritable:
            for descriptor in descriptors:
                os.dup2(unwritable.fileno(), descriptor, inheritable=False)
        with pytest.raises(LedgerUnavailable):
            await record(ledger, 2)

        async def works_again() -> bool:
            try:
                await record(ledger, 2)
            except LedgerUnavailable:
                return False
            return True

        await until(works_again)
        assert len(await ledger.listing()) == 2


def descriptors_of(folder: Path) -> list[int]:
    """Return the numbers under which this process has the database and its log open."""
    files = {str(folder / NAME), str(folder / f"{NAME}-wal")}
    return [int(link.name) for link in Path("/proc/self/fd").iterdir() if link.is_symlink() and os.path.realpath(link) in files]


async def test_a_ledger_locked_by_another_program_says_so_and_works_afterwards(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        with raw(tmp_path) as file:
            file.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerUnavailable, match="locked"):
                await record(ledger, 1)
        assert (await record(ledger, 1)).revision == 1
