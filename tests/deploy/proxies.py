"""The proxies of examples/deploy, as their files are, on free ports: real nginx and HAProxy, with a certificate of a test."""

import os
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.endsystems.certificates import authority
from tests.ports import HOST
from tests.provision import found
from tests.servers import RealServer, running

FILES = Path(__file__).parents[2] / "examples" / "deploy" / "proxies"
NGINX = """\
{user}daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {file};
}}
"""

USER = "user root;\n" if os.geteuid() == 0 else ""
"""Otherwise root's nginx reads a test's files as nobody, who may not."""


def _nginx(file: Path) -> list[str | Path]:
    whole = file.with_name("nginx.conf")
    whole.write_text(NGINX.format(user=USER, folder=file.parent, file=file))
    return [found("nginx") or "nginx", "-c", whole]


def _haproxy(file: Path) -> list[str | Path]:
    return [found("haproxy") or "haproxy", "-db", "-f", file]


PROXIES = ("nginx.conf", "haproxy.cfg")
"""Those before the calls of two replicas."""
STARTED: Mapping[str, Callable[[Path], Sequence[str | Path]]] = {".conf": _nginx, ".cfg": _haproxy}
"""How a proxy is started, by the end of its file's name."""


@contextmanager
def proxy(name: str, folder: Path, ports: Sequence[int]) -> Iterator[tuple[str, ssl.SSLContext]]:
    """Run a proxy before two replicas on these ports. Yield its URL, and how a client trusts it."""
    first, second = ports
    with shipped(name, folder, {"8081": str(first), "8082": str(second)}) as running_proxy:
        yield running_proxy


@contextmanager
def shipped(name: str, folder: Path, changes: Mapping[str, str]) -> Iterator[tuple[str, ssl.SSLContext]]:
    """Run a proxy as its file says, but for these changes, on a free port. Yield its URL, and how a client trusts it."""
    trusted = authority(folder)
    trusted.server()  # leaves its certificate and key in server.pem

    def command(port: int, place: Path) -> Sequence[str | Path]:
        text = (FILES / name).read_text("utf-8")
        for there, here in {
            **changes,
            "listen 443": f"listen {HOST}:{port}",
            "bind :443": f"bind {HOST}:{port}",
            "/etc/ssl/connector.example.org.pem": str(folder / "server.pem"),
            "/etc/ssl/connector.example.org.key": str(folder / "server.pem"),
            "/etc/ssl/console.example.org.pem": str(folder / "server.pem"),
            "/etc/ssl/console.example.org.key": str(folder / "server.pem"),
        }.items():
            text = text.replace(there, here)
        file = place / f"shipped-{name}"
        file.write_text(text)
        return STARTED[file.suffix](file)

    tls = ssl.create_default_context(cafile=trusted.file)

    def ask(port: int) -> bytes:
        with socket.create_connection((HOST, port), timeout=1) as plain, tls.wrap_socket(plain, server_hostname="localhost"):
            return b"up"

    with running(RealServer(command, ask, b"up")) as server:
        yield f"https://localhost:{server.port}", tls
