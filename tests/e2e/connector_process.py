"""Our own server, in a process of its own, as an administrator starts it."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
WITHIN = 30.0
"""Seconds that a start or an end may take, on a busy machine."""
LOOK_EVERY = 0.02


@dataclass(frozen=True, slots=True)
class ConnectorProcess:
    """A running server."""

    url: str
    process: "subprocess.Popen[bytes]"
    config: Path
    log: Path

    async def exit_code(self) -> int:
        """Wait for it to end by itself."""
        return await asyncio.to_thread(self.process.wait, WITHIN)

    async def logged(self, event: str, **values: object) -> dict[str, Any]:
        """Wait until a line that begins like this, with these values, is in the log, and return it."""
        async with asyncio.timeout(WITHIN):
            while True:
                for line in _logged(self.log):
                    if line["event"].startswith(event) and values.items() <= line.items():
                        return line
                await asyncio.sleep(LOOK_EVERY)


@contextmanager
def connector_process(
    folder: Path, config: str, environment: Mapping[str, str] | None = None, *, launcher: Sequence[str] = ()
) -> Iterator[ConnectorProcess]:
    """Serve `config`, to which `[server]` and `[logs]` are added, on a free port; its files are in `folder`.

    `launcher` is the beginning of a command that becomes the one that it is given.
    """
    file = folder / "config.toml"
    file.write_text(f'{config}\n[server]\nport = 0\n[logs]\nformat = "json"\n[metrics]\nport = 0\n')
    command: list[str | Path] = [*launcher, sys.executable, "-m", "connector", "serve", "--config", file]
    with started(command, folder, {**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})}) as server:
        yield server


@contextmanager
def started(command: Sequence[str | Path], folder: Path, surroundings: Mapping[str, str]) -> Iterator[ConnectorProcess]:
    """Run a command that serves a connector and logs JSON; its configuration is `config.toml` in `folder`."""
    log = folder / "connector.log"
    with log.open("wb") as out, subprocess.Popen(command, cwd=folder, env=surroundings, stdout=out, stderr=out) as process:
        try:
            yield ConnectorProcess(_url(process, log), process, folder / "config.toml", log)
        finally:
            process.kill()
            process.wait(WITHIN)


def _url(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Wait until the server has logged where it serves."""
    end = time.monotonic() + WITHIN
    while time.monotonic() < end and process.poll() is None:
        for line in _logged(log):
            if line.get("event") == "serving":
                return f"http://{line['host']}:{line['port']}"
        time.sleep(LOOK_EVERY)
    raise RuntimeError(f"the server did not come up:\n{log.read_text()}")


def _logged(log: Path) -> Iterator[dict[str, Any]]:
    for line in log.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue
