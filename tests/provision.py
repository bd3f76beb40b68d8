"""Install what the tests need beyond Python: `python -m tests.provision`, which `make test` runs first.

Ends with 0 when all is there or the tests can do without it, and with 1 when the tests would fail for want of it (CI=true).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PACKAGES = {
    "redis-server": "redis-server",
    "memcached": "memcached",
    "node": "nodejs",
    "npm": "npm",
    "javac": "default-jdk-headless",
}
if sys.platform == "linux":
    PACKAGES["strace"] = "strace"  # no other system has it
"""Binary -> the Debian package that it comes from."""
NODE_FOLDER = Path(__file__).parent / "endsystems" / "oidc"
"""Where the OAuth 2.0 server of the tests and the demo is, which runs on Node.js."""
POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian asks this program whether a package may start its service; 101 means no."""


def how_to_install(binary: str) -> str:
    """Say what a person has to do for a missing binary."""
    brewed = "brew install redis memcached node openjdk"
    return f"{binary} is not installed: try `apt-get install {PACKAGES[binary]}`, or on macOS `{brewed}`"


def lacking_for_node() -> str | None:
    """Say what a person has to do before the OAuth 2.0 server can run, or None where it can."""
    if shutil.which("node") is None:
        return how_to_install("node")
    return None if _node_packages_installed() else "the OAuth 2.0 server is not installed: try `python -m tests.provision`"


def main() -> int:
    """Install what is missing if that is permitted, otherwise say what to install."""
    missing = _missing()
    if missing and (root := _as_root()) is not None and shutil.which("apt-get"):
        _install([PACKAGES[binary] for binary in missing], root)
        missing = _missing()
    for binary in missing:
        sys.stderr.write(f"{how_to_install(binary)}\n")
    complete = (_node_packages_installed() or _install_node_packages()) and not missing
    return 1 if not complete and os.environ.get("CI") == "true" else 0


def _missing() -> list[str]:
    return [binary for binary in PACKAGES if shutil.which(binary) is None]


def _as_root() -> list[str] | None:
    """Return what to put before a command so that root runs it, or None where that would ask for a password."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and _succeeds("sudo", "-n", "true"):
        return ["sudo", "-n"]
    return None


def _install(packages: list[str], root: list[str]) -> None:
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    with _services_held_back(root):
        if not _succeeds(*apt, "install", "-y", "--no-install-recommends", *packages):
            _succeeds(*apt, "update")
            _succeeds(*apt, "install", "-y", "--no-install-recommends", *packages)
    if Path("/run/systemd/system").is_dir():
        _succeeds(*root, "systemctl", "disable", *packages)


def _node_packages_installed() -> bool:
    wanted, installed = NODE_FOLDER / "package-lock.json", NODE_FOLDER / "node_modules" / ".package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime


def _install_node_packages() -> bool:
    return shutil.which("npm") is not None and _succeeds("npm", "ci", "--prefix", str(NODE_FOLDER))


@contextmanager
def _services_held_back(root: list[str]) -> Iterator[None]:
    """Let no package start its service meanwhile: the tests start servers of their own, and end them."""
    if POLICY.exists():
        yield
        return
    refuse = f"printf '#!/bin/sh\\nexit 101\\n' > {POLICY} && chmod 755 {POLICY}"
    _succeeds(*root, "sh", "-c", refuse)
    try:
        yield
    finally:
        _succeeds(*root, "rm", "-f", str(POLICY))


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
