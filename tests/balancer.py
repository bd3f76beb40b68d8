"""A real HAProxy before several replicas, which it asks whether they are ready."""

import asyncio
import csv
import socket
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ports import HOST
from tests.provision import found
from tests.servers import RealServer, running

CONFIGURATION = """\
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server {patience}s
    timeout check {check}ms
    retries 0
frontend front
    bind {host}:{port}
    monitor-uri /alive
    stats enable
    stats uri /stats
    default_backend replicas
backend replicas
    balance roundrobin
    option httpchk
    http-check send meth GET uri /health/ready ver HTTP/1.1 hdr Host localhost
    default-server check inter {interval}ms fall {fall} rise 1
{replicas}
"""
LOOK_EVERY = 0.02
FALL = 2
"""Failed checks after which a replica gets no work."""
INTERVAL = 0.1
"""Seconds between two checks."""


@dataclass(frozen=True, slots=True)
class Balancer:
    """A running load balancer."""

    server: RealServer

    @property
    def url(self) -> str:
        """Where clients call it."""
        return f"http://{HOST}:{self.server.port}"

    async def until(self, replica: int, state: str) -> None:
        """Wait until a replica, by its number, is in a state, `UP` or `DOWN`; the caller sets the deadline."""
        while True:
            states = await self.states()
            if states[f"replica{replica}"].startswith(state):
                return
            await asyncio.sleep(LOOK_EVERY)

    async def until_checked_again(self) -> None:
        """Wait until each replica was asked several times, so that one that is not ready is out."""
        # HAProxy counts no checks that succeed, so time has to pass: ten times what it needs to notice.
        await asyncio.sleep(10 * FALL * INTERVAL)

    async def states(self) -> dict[str, str]:
        """Return the state of each replica by its name."""
        states = await asyncio.to_thread(self._states)
        return {name: state for name, state in states.items() if name.startswith("replica")}

    def _states(self) -> dict[str, str]:
        with urllib.request.urlopen(f"{self.url}/stats;csv", timeout=10) as answer:
            lines = answer.read().decode().removeprefix("# ").splitlines()
        return {row["svname"]: row["status"] for row in csv.DictReader(lines) if row["pxname"] == "replicas"}


@contextmanager
def balancer(ports: Sequence[int], *, patience: int = 60, check: float = INTERVAL) -> Iterator[Balancer]:
    """Run HAProxy before the replicas on these ports. It waits `patience` seconds for an answer, `check` for one to a check."""

    def command(port: int, folder: Path) -> list[str | Path]:
        replicas = "\n".join(f"    server replica{number} {HOST}:{each}" for number, each in enumerate(ports))
        file = folder / "haproxy.cfg"
        checks = {"interval": round(1000 * INTERVAL), "fall": FALL, "check": round(1000 * check), "patience": patience}
        file.write_text(CONFIGURATION.format(host=HOST, port=port, replicas=replicas, **checks))
        return [found("haproxy") or "haproxy", "-db", "-f", file]

    with running(RealServer(command, _alive, b"HTTP/1.1 200")) as server:
        yield Balancer(server)


def _alive(port: int) -> bytes:
    with socket.create_connection((HOST, port), timeout=1) as connection:
        connection.sendall(b"GET /alive HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return connection.recv(1024)
