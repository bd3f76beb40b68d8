"""The wheel as a user gets it: built, installed without extras, and run in an empty folder.

`make release` runs `python -m tests.wheel FOLDER`, which leaves the wheel there, before it tags anything.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import connector
from tests.e2e.connector_process import ConnectorProcess, started
from tests.e2e.opshub import OpsHub

ROOT = Path(__file__).parent.parent
WITHIN = 300.0
"""Seconds that pip may take."""
PARTS = ("connector", "drivers", "pyproject.toml", "README.md")
EXTRAS = ("aiomcache", "psycopg", "redis")


def main(target: Path) -> None:
    """Build the wheel into a folder, and raise whatever is wrong with it."""
    wheel = built(target)
    with TemporaryDirectory() as folder:
        python = installed(wheel, Path(folder) / "venv")
        assert version(python, Path(folder)) == connector.__version__
        for package in EXTRAS:
            assert subprocess.run([python, "-c", f"import {package}"], check=False, capture_output=True).returncode != 0
        assert begun(python, Path(folder) / "begun")
        with serving(python, Path(folder) / "empty") as server:
            asyncio.run(cleaned_up(server))
    sys.stderr.write(f"{wheel}: built, installed without extras, and run in an empty folder\n")


def built(target: Path) -> Path:
    """Build from a copy: what an earlier build has left behind would be packed, too."""
    with TemporaryDirectory() as copy:
        for part in PARTS:
            source = ROOT / part
            if source.is_dir():
                shutil.copytree(source, Path(copy) / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy)
        _pip(Path(sys.executable), "wheel", "--no-deps", "--wheel-dir", str(target), copy)
    [wheel] = target.glob(f"opshub_connector_session-{connector.__version__}-*.whl")
    return wheel


def installed(wheel: Path, venv: Path) -> Path:
    """Install the wheel into an environment of its own, and return the Python of that."""
    subprocess.run([sys.executable, "-m", "venv", venv], check=True, timeout=WITHIN)
    python = venv / "bin" / "python"
    _pip(python, "install", "--constraint", str(ROOT / "constraints.txt"), str(wheel))
    return python


def version(python: Path, folder: Path) -> str:
    """Ask the command that was installed."""
    return subprocess.check_output([python.with_name("connector"), "--version"], cwd=folder, text=True).strip()


def begun(python: Path, folder: Path) -> bool:
    """Make a connector to begin with, and tell whether its configuration can work."""
    command = python.with_name("connector")
    subprocess.run([command, "new", folder], check=True, capture_output=True)
    return subprocess.run([command, "check-config"], cwd=folder, check=False, capture_output=True).returncode == 0


@contextmanager
def serving(python: Path, folder: Path) -> Iterator[ConnectorProcess]:
    """Serve where there is nothing, not even a configuration."""
    folder.mkdir()
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    settings = {"CONNECTOR__SERVER__PORT": "0", "CONNECTOR__METRICS__PORT": "0", "CONNECTOR__LOGS__FORMAT": "json"}
    with started((python.with_name("connector"), "serve"), folder, surroundings | settings) as server:
        yield server
        server.process.terminate()
        assert asyncio.run(server.exit_code()) == 0


async def cleaned_up(server: ConnectorProcess) -> None:
    """Clean up a session, as OpsHub would."""
    async with OpsHub(server.url) as opshub:
        answer = await opshub.cleanup(str(uuid4()))
    assert (answer.status, answer.body["eviction"]["sqlite"]["outcome"]) == (200, "evicted")


def _pip(python: Path, *arguments: str) -> None:
    verb, *rest = arguments
    subprocess.run([python, "-m", "pip", verb, "--quiet", "--disable-pip-version-check", *rest], check=True, timeout=WITHIN)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
