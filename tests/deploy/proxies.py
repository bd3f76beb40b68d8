"""The proxies of examples/deploy, as their files are, on free ports: real nginx and HAProxy, with a certificate of a test."""

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
daemon off;
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


def _nginx(file: Path) -> list[str | Path]:
    whole = file.with_name("nginx.conf")
    whole.write_text(NGINX.format(folder=file.parent, file=file))
    return [found("nginx") or "nginx", "-c", whole]


def _haproxy(file: Path) -> list[str | Path]:
    return [found("haproxy") or "haproxy", "-db", "-f", file]


PROXIES: Mapping[str, Callable[[Path], Sequence[str | Path]]] = {"nginx.conf": _nginx, "haproxy.cfg": _haproxy}


@contextmanager
def proxy(name: str, folder: Path, ports: Sequence[int]) -> Iterator[tuple[str, ssl.SSLContext]]:
    """Run a proxy before two replicas on these ports. Yield its URL, and how a client trusts it."""
    trusted = authority(folder)
    trusted.server()  # leaves its certificate and key in server.pem
    first, second = ports

    def command(port: int, place: Path) -> Sequence[str | Path]:
        text = (FILES / name).read_text("utf-8")
        for shipped, here in {
            "8081": str(first),
            "8082": str(second),
            "listen 443": f"listen {HOST}:{port}",
            "bind :443": f"bind {HOST}:{port}",
            "/etc/ssl/connector.example.org.pem": str(folder / "server.pem"),
            "/etc/ssl/connector.example.org.key": str(folder / "server.pem"),
        }.items():
            text = text.replace(shipped, here)
        file = place / f"shipped-{name}"
        file.write_text(text)
        return PROXIES[name](file)

    tls = ssl.create_default_context(cafile=trusted.file)

    def ask(port: int) -> bytes:
        with socket.create_connection((HOST, port), timeout=1) as plain, tls.wrap_socket(plain, server_hostname="localhost"):
            return b"up"

    with running(RealServer(command, ask, b"up")) as server:
        yield f"https://localhost:{server.port}", tls
