"""The machine: its limits, and the versions of what the server runs on."""

import platform
import re
import ssl
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires, version

from connector.doctor.finding import DoctorFinding, sound, warning
from connector.doctor.known_traps import Product, trap_findings
from connector.runtime.open_files import allow_as_many_as_possible, bounded
from connector.version import __version__
from drivers.sqlite_file import SQLITE_VERSION

DISTRIBUTION = "opshub-connector-session"
NAME = re.compile(r"[A-Za-z0-9._-]+")
"""With which a requirement begins."""
FOR_DEVELOPERS = re.compile(r"extra == .(?:bench|dev|test)")
WANTED = 1_024
"""Connections that a server should have room for."""


def machine_findings() -> Iterator[DoctorFinding]:
    """Look at the machine."""
    yield sound("versions", ", ".join(_versions()))
    yield from trap_findings(Product.SQLITE, tuple(map(int, SQLITE_VERSION.split("."))))
    allow_as_many_as_possible()  # as a server does
    connections = bounded(None)
    seen = f"the limit of open files leaves room for {connections:,} connections"
    remedy = "raise it for the server: LimitNOFILE= of systemd, or `ulimit -n`"
    yield sound("open-files", seen) if connections >= WANTED else warning("open-files", seen, remedy)


def _versions() -> Iterator[str]:
    yield f"connector {__version__}"
    yield f"Python {platform.python_version()}"
    yield f"SQLite {SQLITE_VERSION}"
    yield ssl.OPENSSL_VERSION
    yield platform.platform() if sys.platform == "linux" else platform.system()
    needed = (NAME.match(line) for line in requires(DISTRIBUTION) or () if not FOR_DEVELOPERS.search(line))
    for name in sorted({each[0] for each in needed if each}):
        with suppress(PackageNotFoundError):
            yield f"{name} {version(name)}"
