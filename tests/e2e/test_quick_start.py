"""A server imports what it needs, and nothing that only makes its start longer and its memory larger."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import surroundings
from tests.e2e.connector_process import ROOT, connector_process

NOT_NEEDED = {
    "aiocache": "Redis is no store here",
    "aiomcache": "memcached is no store here",
    "redis": "Redis is no store here",
    "psycopg": "the ledger is a file",
    "psycopg_pool": "the ledger is a file",
    "jinja2": "there is no console",
    "opentelemetry": "there are no traces",
    "connector.endsystems.profile": "there is nothing to log out of",
    "connector.endsystems.http.guarded_client": "there is nothing to log out of",
    "re2": "it searches what end systems answer",
    "cryptography": "nothing was sealed yet",
    "xml": "it reads what end systems answer",
    "connector.cli.commands": "a server is no other command",
    "rich.console": "a server prints nothing for a person but its log",
    "pygments": "comes with rich",
    "pytest": "is no dependency",
}
"""Why a server of the shipped configuration does without a module."""
IMPORT = re.compile(r"(?m)^import time:.*\| +(\S+)$")
SERVER = '[server]\nhost = "127.0.0.1"\nport = 8080\n'
HIDDEN_AND_BACK = """
import gc, sys
from connector.runtime.quick_imports import quick_imports
{before}
with quick_imports():
    import structlog
    print(gc.isenabled(), structlog.dev.rich is not None)
import rich.console
print(gc.isenabled(), rich.console.Console.__name__)
"""


def test_the_server_as_shipped_imports_no_library_that_it_does_not_use(tmp_path: Path) -> None:
    shipped = (ROOT / "config.toml").read_text("utf-8").replace(SERVER, "")
    with connector_process(tmp_path, shipped, {"PYTHONPROFILEIMPORTTIME": "1"}) as server:
        imported = {*IMPORT.findall(server.log.read_text("utf-8"))}

    assert {"aiohttp", "structlog"} <= imported
    assert imported & NOT_NEEDED.keys() == set()


@pytest.mark.parametrize(
    ("before", "there"), [("", "False"), ("import rich", "True")], ids=["not imported yet", "imported before"]
)
def test_rich_is_hidden_from_structlog_for_a_server_s_imports_only(before: str, there: str) -> None:
    command = [sys.executable, "-c", HIDDEN_AND_BACK.format(before=before)]
    done = subprocess.run(command, env=surroundings(), capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == ["False", there, "True", "Console"]
