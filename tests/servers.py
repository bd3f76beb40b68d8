"""Real Redis and memcached servers: each in a process of its own, on a free loopback port, in a folder that goes with it."""

import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.ports import HOST, free_port
from tests.processes import children
from tests.provision import found

READY_WITHIN = 30.0
"""Seconds a server may take to answer, on a busy machine."""
POLL = 0.01
MODESTLY = ["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"]
"""Redis: save nothing of its own accord, and let a replica wait for no others."""

Answer = Callable[[int], bytes]


class ServerDidNotStart(Exception):
    """A server ended, or did not answer in time; carries what it printed."""


@dataclass(slots=True)
class RealServer:
    """A server that can be killed and started again on the same port and in the same folder."""

    command: Callable[[int, Path], Sequence[str | Path]]
    ask: Answer
    """Ask the server on this port for a sign of life; raises `OSError` as long as there is none."""
    alive: bytes
    """What its answer begins with once it serves."""
    folder: Path = Path()
    port: int = 0
    ended_by: signal.Signals = signal.SIGKILL
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the server and wait until it answers; the first time on a free port, then on the same again."""
        self.port = self.port or free_port()
        output = self.folder / "output.log"
        with output.open("ab") as log:
            begins = log.tell()
            self._process = subprocess.Popen(self.command(self.port, self.folder), cwd=self.folder, stdout=log, stderr=log)
        deadline = time.monotonic() + READY_WITHIN
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise ServerDidNotStart(output.read_bytes()[begins:].decode(errors="replace"))
            time.sleep(POLL)

    def kill(self) -> None:
        """End the server at once, with no chance to save anything, and wait until it is gone. Twice is fine."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(self.ended_by)
            process.send_signal(signal.SIGCONT)
            process.wait()

    def pause(self) -> None:
        """Leave the server with its connections, but let it answer nothing from now on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)  # returns when all of its threads have stopped
        self._signal_children(signal.SIGSTOP)  # from here on it makes no more of them

    def resume(self) -> None:
        """Let a paused server go on."""
        assert self._process is not None
        self._signal_children(signal.SIGCONT)
        self._process.send_signal(signal.SIGCONT)

    def _signal_children(self, number: signal.Signals) -> None:
        assert self._process is not None
        for child in children(self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(child, number)

    def _answers(self) -> bool:
        try:
            return self.ask(self.port).startswith(self.alive)
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of a server that speaks TLS."""

    authority: Path
    certificate: Path
    """With its key."""
    wants_clients: bool = False
    """Whether it talks only to clients with a certificate of the authority."""


@contextmanager
def redis_server(
    *options: str | Path,
    authentication: str = "",
    tls: TlsFiles | None = None,
    binary: str | Path = "redis-server",
    configured: Sequence[str] | None = None,
) -> Iterator[RealServer]:
    """Run a Redis server with these further options. It saves nothing of its own accord; what was saved is there after a restart.

    With a password or an ACL file, `authentication` is the `AUTH ...` command without which it would not answer that it is up.
    The lines that are `configured` are a file's, into which Sentinels write what they make of the server. Without that file it is
    after each restart what the options say.
    """
    context = _unverified_tls(tls) if tls else None
    greeting = (f"{authentication}\r\n" if authentication else "").encode() + b"PING\r\n"

    def command(port: int, folder: Path) -> list[str | Path]:
        listen: list[str | Path] = ["--port", str(port)]
        if tls:
            auth = "yes" if tls.wants_clients else "no"
            listen = ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", auth, "--tls-cert-file", tls.certificate]
            listen += ["--tls-key-file", tls.certificate, "--tls-ca-cert-file", tls.authority]
        file = [] if configured is None else [_written(folder / "redis.conf", configured)]
        return [binary, *file, "--bind", HOST, *listen, "--dir", folder, *MODESTLY, *options]

    alive = b"+OK\r\n+PONG" if authentication else b"+PONG"
    with running(RealServer(command, lambda port: _answer(port, greeting, alive, context), alive)) as server:
        yield server


def _written(file: Path, lines: Sequence[str]) -> Path:
    """Write a configuration, unless it is there: its server writes into it what it has learned."""
    if not file.exists():
        file.write_text("\n".join([*lines, ""]))
    return file


@contextmanager
def sentinel_server(*monitor: str, authentication: str = "") -> Iterator[RealServer]:
    """Run a Redis Sentinel with these further lines of configuration, and the `AUTH ...` that they make it want."""
    greeting = (f"{authentication}\r\n" if authentication else "").encode() + b"PING\r\n"

    def command(port: int, folder: Path) -> list[str | Path]:
        configuration = _written(folder / "sentinel.conf", [f"port {port}", f"bind {HOST}", *monitor])
        return ["redis-server", configuration, "--sentinel"]

    alive = b"+OK\r\n+PONG" if authentication else b"+PONG"
    with running(RealServer(command, lambda port: _answer(port, greeting, alive), alive)) as server:
        yield server


@contextmanager
def twemproxy_server(behind: RealServer, *, redis: bool) -> Iterator[RealServer]:
    """Run a twemproxy before this server."""

    def command(port: int, folder: Path) -> list[str | Path]:
        pool = [
            f"listen: {HOST}:{port}",
            "hash: fnv1a_64",
            f"redis: {str(redis).lower()}",
            "servers:",
            f"- {HOST}:{behind.port}:1",
        ]
        (folder / "pool.yml").write_text("\n  ".join(["pool:", *pool, ""]))
        binary = found("nutcracker") or "nutcracker"
        return [binary, "-c", folder / "pool.yml", "-o", folder / "pool.log", "-s", str(free_port()), "-a", HOST]

    question, alive = (b"*1\r\n$4\r\nPING\r\n", b"+PONG") if redis else (b"version\r\n", b"VERSION ")
    with running(RealServer(command, lambda port: _answer(port, question, alive), alive)) as server:
        yield server


@contextmanager
def memcached_server(*options: str) -> Iterator[RealServer]:
    """Run a memcached server with these further options."""
    user = ["-u", "nobody"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []

    def command(port: int, _folder: Path) -> list[str]:
        return ["memcached", "-l", HOST, "-p", str(port), "-U", "0", *user, *options]

    alive = b"VERSION "
    with running(RealServer(command, lambda port: _answer(port, b"version\r\n", alive), alive)) as server:
        yield server


@contextmanager
def running(server: RealServer, prepare: Callable[[Path], None] | None = None) -> Iterator[RealServer]:
    """Run a server in a folder of its own, which `prepare` fills before the first start."""
    with TemporaryDirectory() as folder:
        server.folder = Path(folder)
        if prepare:
            prepare(server.folder)
        try:
            server.start()
            yield server
        finally:
            server.kill()


def _answer(port: int, question: bytes, complete: bytes, tls: ssl.SSLContext | None = None) -> bytes:
    plain = socket.create_connection((HOST, port), timeout=1)
    with tls.wrap_socket(plain) if tls else plain as connection:
        connection.sendall(question)
        answer = b""
        while len(answer) < len(complete) and (part := connection.recv(1024)):
            answer += part
        return answer


def _unverified_tls(tls: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_cert_chain(tls.certificate)  # for a server that wants clients to have one
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
