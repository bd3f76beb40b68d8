"""Install what the tests need beyond Python: `python -m tests.provision`, which `make test` runs first.

`python -m tests.provision fleet` installs also what `make fleet` alone needs.

Ends with 0 when all is there or the tests can do without it, and with 1 when the tests would fail for want of it (CI=true).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests import redis_kin

PACKAGES = {
    "redis-server": "redis-server",
    "memcached": "memcached",
    "nutcracker": "nutcracker",
    "node": "nodejs",
    "npm": "npm",
    "javac": "default-jdk-headless",
    "postgres": "postgresql",
    "pgbouncer": "pgbouncer",
    "haproxy": "haproxy",
    "nginx": "nginx-light",
    "promtool": "prometheus",
    "chromium": "chromium",
}
if sys.platform == "linux":
    PACKAGES |= {"strace": "strace", "systemd-analyze": "systemd"}  # no other system has them
"""Binary -> the Debian package that it comes from."""
FOR_THE_FLEET = {"patroni": "patroni", "etcd": "etcd-server"}
NODE_FOLDER = Path(__file__).parent / "endsystems" / "oidc"
"""Where the OAuth 2.0 server of the tests and the demo is, which runs on Node.js."""
BROWSER_FOLDER = Path(__file__).parent / "console" / "browser"
"""Where the script is that drives a browser for the tests of the console."""
POLICY = Path("/usr/sbin/policy-rc.d")
"""Debian asks this program whether a package may start its service; 101 means no. The tests start servers of their own."""
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/none-for-tests.conf")
"""Debian's PostgreSQL reads this before it makes a cluster of its own on installation."""


def found(binary: str) -> str | None:
    """Return the path of a binary, also of one that Debian keeps out of a person's PATH."""
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name), reverse=True)
    return shutil.which(binary, path=os.pathsep.join([*map(str, servers), os.environ.get("PATH", os.defpath), "/usr/sbin"]))


def how_to_install(binary: str) -> str:
    """Say what a person has to do for a missing binary."""
    brewed = "brew install redis memcached twemproxy node openjdk postgresql pgbouncer haproxy nginx prometheus"
    return f"{binary} is not installed: try `apt-get install {(PACKAGES | FOR_THE_FLEET)[binary]}`, or on macOS `{brewed}`"


def lacking_for_node() -> str | None:
    """Say what a person has to do before the OAuth 2.0 server can run, or None where it can."""
    if shutil.which("node") is None:
        return how_to_install("node")
    installed = _node_packages_installed(NODE_FOLDER)
    return None if installed else "the OAuth 2.0 server is not installed: try `python -m tests.provision`"


def lacking_for_browser() -> str | None:
    """Say what a person has to do before a browser can be driven, or None if it can."""
    for binary in ("node", "chromium"):
        if found(binary) is None:
            return how_to_install(binary)
    installed = _node_packages_installed(BROWSER_FOLDER)
    return None if installed else "what drives the browser is not installed: try `python -m tests.provision`"


def main(packages: Mapping[str, str]) -> int:
    """Install what is missing of these packages if that is permitted, otherwise say what to install."""
    missing = _missing(packages)
    if missing and (root := as_root()) is not None and shutil.which("apt-get"):
        _install([packages[binary] for binary in missing], root)
        missing = _missing(packages)
    for binary in missing:
        sys.stderr.write(f"{how_to_install(binary)}\n")
    packages_of_node = [
        _node_packages_installed(folder) or _install_node_packages(folder) for folder in (NODE_FOLDER, BROWSER_FOLDER)
    ]
    complete = all([*packages_of_node, redis_kin.install(), not missing])
    return 1 if not complete and os.environ.get("CI") == "true" else 0


def _missing(packages: Mapping[str, str]) -> list[str]:
    return [binary for binary in packages if found(binary) is None]


def as_root() -> list[str] | None:
    """Return what to put before a command so that root runs it, or None where that would ask for a password."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") and _succeeds("sudo", "-n", "true"):
        return ["sudo", "-n"]
    return None


def _install(packages: list[str], root: list[str]) -> None:
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"]
    with _made(POLICY, "#!/bin/sh\\nexit 101", root), _made(NO_CLUSTER, "create_main_cluster = false", root):
        if not _succeeds(*apt, "install", "-y", "--no-install-recommends", *packages):
            _succeeds(*apt, "update")
            _succeeds(*apt, "install", "-y", "--no-install-recommends", *packages)
    if Path("/run/systemd/system").is_dir():
        _succeeds(*root, "systemctl", "disable", *packages)


def _node_packages_installed(folder: Path) -> bool:
    wanted, installed = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= wanted.stat().st_mtime


def _install_node_packages(folder: Path) -> bool:
    return shutil.which("npm") is not None and _succeeds("npm", "ci", "--prefix", str(folder))


@contextmanager
def _made(file: Path, content: str, root: list[str]) -> Iterator[None]:
    """Have a file meanwhile, which may be run, unless there is one already."""
    if file.exists():
        yield
        return
    _succeeds(*root, "sh", "-c", f"mkdir -p {file.parent} && printf '{content}\\n' > {file} && chmod 755 {file}")
    try:
        yield
    finally:
        _succeeds(*root, "rm", "-f", str(file))


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0


if __name__ == "__main__":
    sys.exit(main(PACKAGES | FOR_THE_FLEET if sys.argv[1:] == ["fleet"] else PACKAGES))
