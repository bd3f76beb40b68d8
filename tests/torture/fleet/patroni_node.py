"""A node of a cluster that Patroni runs: Patroni, and the PostgreSQL that it has started."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ports import HOST, free_port
from tests.postgres import ADMINISTRATOR, WHO_MAY_COME, hand_over, not_as_root
from tests.processes import children
from tests.provision import found
from tests.servers import RealServer, running

SCOPE = "ledger"
"""The name of the cluster in etcd."""
GONE_WITHIN = 30.0
TOLD = 400
"""Lines of a log: of some minutes."""
SMALL = {"shared_buffers": "16MB", "max_wal_size": "128MB", "timezone": "UTC"}


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `patroni` is asked at its REST address."""

    name: str
    patroni: RealServer
    port: int
    """PostgreSQL's."""

    @property
    def _postmaster(self) -> int | None:
        with suppress(OSError, ValueError, IndexError):
            return int((self.patroni.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        return None

    def crash_postgres(self) -> None:
        """End PostgreSQL at once; Patroni goes on."""
        self._send(signal.SIGQUIT)

    def kill(self) -> None:
        """End all of it at once, and wait until it is gone."""
        self.patroni.kill()
        postmaster, end = self._postmaster, time.monotonic() + GONE_WITHIN
        self._send(signal.SIGQUIT)
        self._send(signal.SIGCONT)
        while postmaster and Path(f"/proc/{postmaster}").exists() and time.monotonic() < end:
            time.sleep(0.02)

    def start(self) -> None:
        """Start it again."""
        self.patroni.start()

    def start_patroni_again(self) -> None:
        """End Patroni and start it again; PostgreSQL goes on."""
        self.patroni.kill()
        self.patroni.start()

    def last_words(self) -> str:
        """Return the end of its log: Patroni's, and PostgreSQL's, also from before Patroni was started again."""
        lines = (self.patroni.folder / "output.log").read_text(errors="replace").splitlines()
        return "\n".join([f"{self.name}:", *lines[-TOLD:]])

    def pause(self) -> None:
        """Let nothing of it go on."""
        self.patroni.pause()
        self.pause_postgres()

    def pause_postgres(self) -> None:
        """Let PostgreSQL do nothing from now on; Patroni goes on."""
        self._send(signal.SIGSTOP)

    def resume_postgres(self) -> None:
        """Let PostgreSQL go on."""
        self._send(signal.SIGCONT)

    def resume(self) -> None:
        """Let all of it go on."""
        self.resume_postgres()
        self.patroni.resume()

    def _send(self, number: signal.Signals) -> None:
        if postmaster := self._postmaster:
            with suppress(ProcessLookupError):
                for process in (postmaster, *(children(postmaster) if number in {signal.SIGSTOP, signal.SIGCONT} else ())):
                    os.kill(process, number)


@contextmanager
def node(name: str, etcd: int, *, settings: dict[str, Any]) -> Iterator[Node]:
    """Run a node that finds the others at an etcd on this port; `settings` are those of the cluster, if this one makes it."""
    port = free_port()

    def command(rest: int, folder: Path) -> list[str | Path]:
        file = folder / "patroni.json"
        file.write_text(json.dumps(_configuration(name, folder, (rest, port, etcd), settings)))  # JSON is YAML, too
        return [*not_as_root(), found("patroni") or "patroni", file]

    with running(RealServer(command, _liveness, b"HTTP/1.0 200"), hand_over) as server:
        standing = Node(name, server, port)
        try:
            yield standing
        finally:
            standing.kill()


def _configuration(name: str, folder: Path, ports: tuple[int, int, int], settings: dict[str, Any]) -> dict[str, Any]:
    rest, postgres, etcd = (f"{HOST}:{port}" for port in ports)
    access = {"username": ADMINISTRATOR, "password": "unused"}
    return {
        "scope": SCOPE,
        "name": name,
        "restapi": {"listen": rest, "connect_address": rest},
        "etcd3": {"host": etcd},
        "bootstrap": {
            "dcs": settings,
            "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
            "pg_hba": WHO_MAY_COME.strip().splitlines(),
        },
        "postgresql": {
            "listen": postgres,
            "connect_address": postgres,
            "data_dir": f"{folder}/data",
            "bin_dir": str(Path(found("postgres") or "postgres").parent),
            "pgpass": f"{folder}/pgpass",
            "authentication": {"superuser": access, "replication": access, "rewind": access},
            "parameters": {**SMALL, "unix_socket_directories": str(folder)},
        },
    }


def _liveness(port: int) -> bytes:
    with socket.create_connection((HOST, port), timeout=1) as connection:
        connection.sendall(b"GET /liveness HTTP/1.0\r\n\r\n")
        return connection.recv(1024)
