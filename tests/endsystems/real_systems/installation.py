"""Installs a real system into an environment of its own below `build/`."""

import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from tests.endsystems.real_systems.system import HERE, RealSystem, Source

WITHIN = 1800
"""Seconds that an installation may take."""
STAMP = "installed"


PINNED_FOR = (3, 11)
"""The Python that the pinned packages are for."""


class CannotInstall(Exception):
    """This machine lacks something; the message says what."""


def install(system: RealSystem) -> None:
    """Install a system unless it is there in these versions. Raises `CannotInstall`."""
    stamp, wanted = system.environment / STAMP, _wanted(system)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    shutil.rmtree(system.environment, ignore_errors=True)
    system.environment.mkdir(parents=True)
    _from_pypi(system) if system.source is Source.PYPI else _from_debian(system)
    stamp.write_text(wanted)


def python() -> str | None:
    """Return the Python that the packages are for; None if there is none."""
    if sys.version_info[:2] == PINNED_FOR:
        return sys.executable
    return shutil.which("python{}.{}".format(*PINNED_FOR))


def _wanted(system: RealSystem) -> str:
    pinned = _requirements(system).read_text() if system.source is Source.PYPI else "\n".join(system.packages)
    return sha256(pinned.encode()).hexdigest()


def _requirements(system: RealSystem) -> Path:
    return system.folder / "requirements.txt"


def _from_pypi(system: RealSystem) -> None:
    found = python()
    if found is None:
        raise CannotInstall("there is no Python {}.{} on this machine".format(*PINNED_FOR))
    _run(found, "-m", "venv", system.environment)
    pip = (system.environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*pip, "--no-deps", "--requirement", _requirements(system))


def _from_debian(system: RealSystem) -> None:
    _run(HERE / "install_debian", system.environment / "root", *system.packages)


def _run(*command: object) -> None:
    done = subprocess.run([*map(str, command)], check=False, timeout=WITHIN, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise CannotInstall(f"{command[0]} failed:\n{done.stdout.decode(errors='replace')[-4000:]}")
