"""Replicas with a handler of an author, each a process that keeps its port when it is started again."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.connector_process import ROOT, ConnectorProcess, started
from tests.ports import free_port

KEYS = {"CONNECTOR_LEDGER_KEYS": f"fleet:{'k' * 42}A"}
"""The same for all replicas, as those have to have that share a store."""


@dataclass(frozen=True, slots=True)
class Replica:
    """One server of a fleet. Its files are in `folder`."""

    folder: Path
    config: str
    """Without a table `[server]`."""
    deadlines: str
    port: int = field(default_factory=free_port)
    environment: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def running(self, script: str = "tests.e2e.unhurried") -> Iterator[ConnectorProcess]:
        """Run it, with what its earlier runs have left."""
        self.folder.mkdir(exist_ok=True)
        config = self.folder / "config.toml"
        server = f"[server]\nport = {self.port}\ndeadlines = {{ {self.deadlines} }}\n"
        config.write_text(f'{self.config}\n{server}[logs]\nformat = "json"\n[metrics]\nport = 0\n')
        command: list[str | Path] = [sys.executable, "-m", script, config]
        with started(command, self.folder, {**os.environ, "PYTHONPATH": str(ROOT), **KEYS, **self.environment}) as process:
            yield process
