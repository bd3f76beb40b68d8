"""The tutorial is followed in an empty folder: its files are written, its commands run, against a real tracker."""

import asyncio
import os
import re
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.command import surroundings
from tests.endsystems.real_roundup import PASSWORD
from tests.examples.running import EXAMPLE, running
from tests.examples.tracker import Tracker
from tests.ports import HOST
from tests.provision import found
from tests.servers import RealServer
from tests.servers import running as running_server

TUTORIAL = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text("utf-8")
FILE = re.compile(r"`([a-z_]+\.(?:py|toml|conf))`[^`]*\n\n```(?:python|toml|nginx)\n(.*?)```", re.DOTALL)
FILES = dict(FILE.findall(TUTORIAL))
COMMANDS = re.findall(r"```console\n\$ (.*?)\n```", TUTORIAL, re.DOTALL)
WITHIN = 120.0


def here(text: str, tracker: str, connector: str = "", proxy: str = "") -> str:
    """Put what runs here into the place of what the reader of the tutorial runs."""
    text = text.replace("http://localhost:8917/demo", tracker)
    text = text.replace("http://127.0.0.1:8080", connector).replace("http://127.0.0.1:8090", proxy)
    return text.replace('"password": "admin"', f'"password": "{PASSWORD}"').replace("PASSWORD=admin", f"PASSWORD={PASSWORD}")


@contextmanager
def nginx(folder: Path, connector: str) -> Iterator[str]:
    """Run nginx with the file of the tutorial before a connector, on a free port, and yield its URL."""

    def command(port: int, _: Path) -> Sequence[str | Path]:
        text = here(FILES["nginx.conf"], "", connector).replace("127.0.0.1:8090", f"{HOST}:{port}")
        (folder / "nginx.conf").write_text(text)
        return [found("nginx") or "nginx", "-e", "stderr", "-p", folder, "-c", "nginx.conf"]

    def ask(port: int) -> bytes:
        with socket.create_connection((HOST, port), timeout=1):
            return b"up"

    with running_server(RealServer(command, ask, b"up")) as server:
        yield f"http://{HOST}:{server.port}"


async def run(command: str, folder: Path) -> str:
    """Run a command of the tutorial, which has to succeed, and return what it printed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    output = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_shell(
        command, cwd=folder, env=surroundings({"PATH": path}), stdout=output, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(WITHIN):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, f"{command}\n{printed.decode()}"
    return printed.decode()


@pytest.mark.parametrize("name", ["app.py", "config.toml", "nginx.conf", "roundup.toml", "system.toml"])
def test_the_tutorial_ends_with_the_example(name: str) -> None:
    assert FILES[name] == (EXAMPLE / name).read_text("utf-8")


def test_every_file_of_the_tutorial_has_a_name() -> None:
    assert len(FILES) == len(re.findall(r"```(?:python|toml|nginx)\n", TUTORIAL))


async def test_whoever_follows_the_tutorial_gets_a_connector_that_breaks_no_rule(
    tmp_path: Path, roundup_tracker: Tracker
) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_text(here(content, roundup_tracker.url))

    with running(tmp_path, [roundup_tracker.url]) as url:
        printed = [await run(here(command, roundup_tracker.url, url), tmp_path) for command in COMMANDS[:-1]]

    checked, rehearsed, tested = printed
    assert "end_system.profile" in checked
    assert "fail: 0" in rehearsed
    assert "2 passed" in tested


async def test_no_check_fails_through_the_nginx_of_the_tutorial(tmp_path: Path, roundup_tracker: Tracker) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_text(here(content, roundup_tracker.url))

    with running(tmp_path, [roundup_tracker.url]) as url, nginx(tmp_path, url) as proxy:
        rehearsed = await run(here(COMMANDS[-1], roundup_tracker.url, url, proxy), tmp_path)

    assert "fail: 0" in rehearsed
