"""Commands that meet files which their user may not use: one line says whose they are, and there is no traceback."""

import asyncio
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cli.another_user import NOBODY
from tests.cli.command import WITHIN, Ended, connector, surroundings
from tests.e2e.connector_process import connector_process

PROJECT = Path(__file__).parents[2]
ROOT = os.geteuid() == 0
"""Whether the commands can be another user's; otherwise this user takes the right to his own files from himself."""
STATUS = (
    ("status",),
    ("owed", "list"),
    ("owed", "show", "1"),
    ("owed", "retry", "1"),
    ("owed", "dismiss", "1", "--reason=x", "--yes"),
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """The folder of a server, which everybody may enter."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "var").mkdir(mode=0o755)
        yield folder
        for each in (folder, folder / "var", folder / "var" / "keys"):
            each.chmod(0o700)


def close(path: Path) -> None:
    """Make a file or a folder nobody's but its owner's; if the commands are his own, not his either."""
    path.chmod((0o700 if path.is_dir() else 0o600) if ROOT else 0)


@contextmanager
def readable_sources() -> Iterator[str]:
    """Copy the sources to where everybody may read them: the project itself may lie in a home that is its owner's alone."""
    with TemporaryDirectory() as copy:
        Path(copy).chmod(0o755)
        for package in ("connector", "drivers"):
            shutil.copytree(PROJECT / package, Path(copy) / package, ignore=shutil.ignore_patterns("__pycache__"))
        (Path(copy) / "tests" / "cli").mkdir(parents=True)
        shutil.copy(PROJECT / "tests" / "cli" / "another_user.py", Path(copy) / "tests" / "cli")
        yield copy


async def another(*arguments: str, folder: Path, environ: Mapping[str, str] | None = None) -> Ended:
    """Run `connector` in a folder that is another user's."""
    if not ROOT:
        return await connector(*arguments, folder=folder, environ=environ)
    with readable_sources() as sources:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.cli.another_user", str(NOBODY), *arguments),
            cwd=folder,
            env=surroundings({**(environ or {}), "PYTHONPATH": sources}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(WITHIN):
            out, err = await process.communicate()
    return Ended(process.returncode or 0, out.decode(), err.decode())


def reason(closed: Path) -> str:
    return f"{closed} belongs to root (uid 0), and this runs as" if ROOT else "Permission denied"


@pytest.mark.parametrize(("closed", "commands"), [("var", STATUS), ("var/control.sock", STATUS[:1])])
async def test_a_command_for_another_users_server_says_whose_it_is(
    folder: Path, closed: str, commands: Sequence[Sequence[str]]
) -> None:
    with connector_process(folder, ""):
        close(folder / closed)
        endings = [await another(*command, folder=folder) for command in commands]

    assert [ended.exit_code for ended in endings] == [77] * len(commands)
    assert [reason(folder / closed) in ended.err for ended in endings] == [True] * len(commands)
    assert [len(ended.err.splitlines()) for ended in endings] == [1] * len(commands)


@pytest.mark.parametrize("closed", ["var/keys", "var/ledger.sqlite3"])
async def test_a_command_that_would_read_another_users_ledger_says_whose_it_is(folder: Path, closed: str) -> None:
    keys = {"CONNECTOR_LEDGER_KEYS": f"one:{'k' * 42}A"} if closed != "var/keys" else {}
    with connector_process(folder, "", keys) as server:
        server.process.terminate()
        await server.exit_code()
    (folder / "var" / "keys").mkdir(exist_ok=True)
    close(folder / closed)

    for command in STATUS[:2]:
        ended = await another(*command, folder=folder, environ=keys)

        assert ended.exit_code in {77, 78}
        assert reason(folder / closed) in ended.err.splitlines()[-1]
        assert "Traceback" not in ended.err


@pytest.mark.parametrize("closed", ["", "config.toml"])
async def test_a_configuration_of_another_user_is_named_with_its_owner(folder: Path, closed: str) -> None:
    (folder / "config.toml").write_text("")
    (folder / "var" / "keys").mkdir()
    close(folder / closed)

    for command in (STATUS[0], ("check-config",), ("serve",), ("profiles", "test", "none")):
        ended = await another(*command, folder=folder)

        [line] = ended.err.splitlines()
        assert ended.exit_code in {77, 78}
        assert reason(folder / closed) in line


@pytest.mark.parametrize(
    ("command", "closed"),
    [
        (("check-config",), "var/keys"),
        (("serve",), "var/keys"),
        (("check-config", "--config", "with_profile.toml"), "profile.toml"),
        (("check-config", "--config", "with_profile.toml"), "authorities.pem"),
        (("profiles", "show", "profile.toml"), "profile.toml"),
    ],
)
async def test_whatever_a_command_reads_may_be_another_users(folder: Path, command: tuple[str, ...], closed: str) -> None:
    (folder / "with_profile.toml").write_text('[end_system]\nprofile = "profile.toml"\nca_file = "authorities.pem"\n')
    (folder / "profile.toml").write_text('description = ""\n')
    (folder / "authorities.pem").write_text("")
    (folder / "var" / "keys").mkdir()
    close(folder / closed)

    ended = await another(*command, folder=folder)

    assert ended.exit_code in {77, 78}
    assert reason(folder / closed) in ended.err
    assert "Traceback" not in ended.err
