"""Servers, each started in a process and a folder of its own, on a free loopback port and one core, if no others are named."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from inspect import getsource
from pathlib import Path
from types import MappingProxyType
from typing import Any

import aiohttp

from bench.http.cores import SERVING, stay_on
from bench.http.own import CONFIG
from bench.http.talks import HOST
from connector.runtime.open_files import allow_as_many_as_possible

ROOT = Path(__file__).parents[2]
FREE_PORTS = {"CONNECTOR__SERVER__PORT": "0", "CONNECTOR__METRICS__PORT": "0"}
LOG = "server.log"
SAID = re.compile(r"\bserving host=\S+ port=(\d+)")
WITHIN = 30.0
"""Seconds that a start or an end may take on a busy machine."""
LOOK_EVERY = 0.02


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    pid: int
    folder: Path
    """Where its files are."""

    async def call(self, method: str, path: str) -> Any:
        """Ask it for JSON."""
        url, patience = f"http://{HOST}:{self.port}{path}", aiohttp.ClientTimeout(WITHIN)
        async with aiohttp.request(method, url, timeout=patience) as answer:
            return await answer.json()


@contextmanager
def served(
    server: Callable[[], None],
    folder: Path,
    *,
    config: str | None = None,
    cores: Sequence[int] = (SERVING,),
    checkout: Path = ROOT,
    copied: bool = False,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Server]:
    """Run a module's function that serves, with this configuration or the shipped one. It is killed at the end.

    Another `checkout` serves its own function of that name, by the Python of its `.venv`; or a copy of this one's module.
    """
    (folder / CONFIG).write_text((checkout / CONFIG).read_text("utf-8") if config is None else config, "utf-8")
    python = sys.executable if checkout == ROOT else str(checkout / ".venv/bin/python")
    module = _copied(server, folder) if copied else server.__module__
    command = (python, "-m", "bench.http.servers", module, server.__qualname__, *map(str, cores))
    with _running(command, folder, {"PYTHONPATH": str(checkout), **environ}) as running:
        yield running


@contextmanager
def commanded(folder: Path, *options: str) -> Iterator[Server]:
    """Run the command `connector serve` with the shipped configuration, and with these options of Python's."""
    (folder / CONFIG).write_text((ROOT / CONFIG).read_text("utf-8"), "utf-8")
    command = (sys.executable, *options, "-m", "connector", "serve")
    with _running(command, folder, {"PYTHONPATH": str(ROOT)}) as server:
        yield server


@contextmanager
def _running(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Iterator[Server]:
    log, surroundings = folder / LOG, os.environ | FREE_PORTS | {**environ}
    with log.open("wb") as out, subprocess.Popen(command, cwd=folder, env=surroundings, stdout=out, stderr=out) as process:
        try:
            yield Server(_port(process, log), process.pid, folder)
        finally:
            process.kill()
            process.wait(WITHIN)


def _copied(server: Callable[[], None], folder: Path) -> str:
    """Copy the function's module to where its server runs, and return its name there."""
    name = "copied_server"
    (folder / f"{name}.py").write_text(getsource(import_module(server.__module__)), "utf-8")
    return name


def _port(process: "subprocess.Popen[bytes]", log: Path) -> int:
    """Wait until the server has told its address."""
    end = time.monotonic() + WITHIN
    while time.monotonic() < end and process.poll() is None:
        if found := SAID.search(log.read_text()):
            return int(found[1])
        time.sleep(LOOK_EVERY)
    raise RuntimeError(f"the server did not come up:\n{log.read_text()}")


def _main(module: str, function: str, *cores: str) -> None:
    stay_on(*map(int, cores))
    allow_as_many_as_possible()
    getattr(import_module(module), function)()


if __name__ == "__main__":
    _main(*sys.argv[1:])
