"""A restore that a signal breaks off at any of its renames: the old ledger or the new one is there, and it is said which."""

import asyncio
import shutil
import sys
from pathlib import Path

import pytest

from connector.ledger.sql.snapshot import Snapshot
from connector.ledger.sqlite.backup import back_up
from connector.ledger.sqlite.reading import opened_read_only
from connector.preflight.keyfile import parsed
from tests.cli.command import WITHIN, Ended, connector, surroundings
from tests.ledger.ledgers import NAME, START, all_due, open_, opened, record, session

LINE = f"one:{'k' * 42}A"
KEYS = parsed(LINE, origin="x")
ENVIRON = {"CONNECTOR_LEDGER_KEYS": LINE}
FILE = "ledger.backup"


async def broken_off(folder: Path, signal: str, number: int) -> Ended:
    """Restore, and get a signal before a rename: that of the new file beside the old one, of the old one, of the new one."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.ledger.ended_at_renames", signal, str(number), "restore", "--replace", FILE),
        cwd=folder,
        env=surroundings(ENVIRON),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(WITHIN):
        out, err = await process.communicate()
    return Ended(process.returncode or 0, out.decode(), err.decode())


@pytest.fixture
async def installation(tmp_path: Path) -> Path:
    """A ledger that was backed up with an open session, and owes another one by now."""
    folder = tmp_path / "first"
    folder.mkdir()
    (folder / "config.toml").write_text(f'[ledger]\npath = "{NAME}"\n')
    async with opened(folder, KEYS) as ledger:
        await open_(ledger, session(1, login="of the backup"))
    with opened_read_only(folder / NAME, KEYS) as table:
        back_up(folder / FILE, Snapshot(table), KEYS, ledger="x", now=START, advance=lambda: None)
    async with opened(folder, KEYS) as ledger:
        await record(ledger, 2, login="since then")
    return folder


async def which(folder: Path) -> str:
    """Start with what is there, and tell which ledger it is."""
    async with opened(folder, KEYS) as ledger:
        is_open, owed = {*(await ledger.known_sessions()).logins.values()}, {debt.login_id for debt in await all_due(ledger)}
    if (is_open, owed) == ({"of the backup"}, {"since then"}):
        return "old"
    assert (is_open, owed) == (set(), {"of the backup", "since then"})
    return "new"


async def test_a_killed_restore_leaves_the_old_ledger_or_the_next_start_the_new_one(installation: Path) -> None:
    found = []
    for number in (1, 2, 3):
        folder = shutil.copytree(installation, installation.with_name(f"killed-{number}"))
        assert (await broken_off(folder, "SIGKILL", number)).exit_code == -9
        if number == 3:
            shown = await connector("owed", "list", folder=folder, environ=ENVIRON)
            assert (shown.exit_code, "was broken off; a server that starts finishes it" in shown.err) == (78, True)
        found.append(await which(folder))

    assert found == ["old", "old", "new"]


async def test_a_restore_that_is_asked_to_end_stops_before_it_replaces_or_finishes(installation: Path) -> None:
    found = []
    for number in (1, 2, 3):
        folder = shutil.copytree(installation, installation.with_name(f"asked-{number}"))
        ended = await broken_off(folder, "SIGTERM", number)
        assert ("and read again" in ended.out) == (ended.exit_code == 0)
        found.append((ended.exit_code == 0, await which(folder)))

    assert found == [(False, "old"), (True, "new"), (True, "new")]
