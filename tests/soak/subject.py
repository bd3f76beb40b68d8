"""The server under soak: of this checkout or of another, in a process of its own."""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.e2e.connector_process import started
from tests.processes import resident_kilobytes

SCRIPT = Path(__file__).with_name("observed.py")
CONFIG = """
[server]
port = 0
allowed_callers = ["127.0.0.1/32"]
[server.deadlines]
body = 1
[metrics]
port = 0
[logs]
format = "json"
"""


@dataclass(frozen=True, slots=True)
class Vitals:
    """How a server is: what it holds when nothing is under way."""

    objects: int
    blocks: int
    """Of memory, for texts and numbers too: those are no objects that Python looks through for garbage."""
    requests: int
    connections: int
    errors: int
    frames: int
    futures: int
    tasks: int
    files: int

    @property
    def of_requests(self) -> int:
        """Objects that a request brings along, and that have to go with it."""
        return self.requests + self.connections + self.errors + self.frames + self.futures


@dataclass(frozen=True, slots=True)
class Subject:
    """A running server."""

    url: str
    pid: int
    door: Path

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 0

    @property
    def megabytes(self) -> float:
        """Memory that the process holds at this moment."""
        return resident_kilobytes(self.pid) / 1024

    async def vitals(self) -> Vitals:
        """Ask the server itself."""
        reader, writer = await asyncio.open_unix_connection(self.door)
        told = json.loads(await reader.read())
        writer.close()
        return Vitals(**told)


@contextmanager
def subject(checkout: Path, folder: Path, section: str) -> Iterator[Subject]:
    """Run the server of a checkout, with its own Python; `section` is the end system's part of its configuration."""
    config, door = folder / "config.toml", folder / "door"
    config.write_text(CONFIG + section)
    command: list[str | Path] = [checkout / ".venv" / "bin" / "python", "-P", SCRIPT, config, door]
    with started(command, folder, {**os.environ, "PYTHONPATH": str(checkout)}) as server:
        yield Subject(server.url, server.process.pid, door)
