"""`connector doctor --url`: what a proxy in front of the server does to requests is told, with what to do."""

import asyncio
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from yarl import URL

from connector.cli.seen import running_server
from connector.doctor.finding import Condition, DoctorFinding
from connector.doctor.public_url import public_url_findings
from tests.cli.command import connector
from tests.deploy.proxies import PROXIES, STARTED, proxy
from tests.e2e.connector_process import connector_process
from tests.ports import HOST, free_port
from tests.servers import RealServer, running

BASE = "/sdk-api/api/1.0"
NGINX = """
upstream replicas {{ server {server}; server {server}; }}
server {{ listen {host}:{port}; location / {{ proxy_set_header Host localhost; {lines} }} }}
"""
AS_IT_IS = "proxy_request_buffering off; proxy_pass http://replicas;"


def found(folder: Path, url: str, tls: ssl.SSLContext | None = None) -> dict[str, DoctorFinding]:
    """Return what is found, by its name."""
    with running_server(folder / "config.toml") as server:
        return {each.name: each for each in asyncio.run(public_url_findings(URL(url), server, tls))}


def wrong(findings: Mapping[str, DoctorFinding]) -> dict[str, Condition]:
    return {name: each.condition for name, each in findings.items() if each.condition is not Condition.SOUND}


@contextmanager
def nginx(folder: Path, server: str, lines: str) -> Iterator[str]:
    """Run an nginx that passes on to a server, as these lines say."""

    def command(port: int, place: Path) -> list[str | Path]:
        file = place / "careless.conf"
        file.write_text(NGINX.format(server=URL(server).authority, host=HOST, port=port, lines=lines))
        return [*STARTED[".conf"](file)]

    def ask(port: int) -> bytes:
        with socket.create_connection((HOST, port), timeout=1):
            return b"up"

    with running(RealServer(command, ask, b"up")) as proxied:
        yield f"http://{HOST}:{proxied.port}"


def test_without_a_proxy_all_arrives_as_it_was_sent(tmp_path: Path) -> None:
    with connector_process(tmp_path, "") as server:
        findings = found(tmp_path, server.url + BASE)

    assert wrong(findings) == {}
    assert len(findings) == 6


@pytest.mark.parametrize("name", PROXIES)
def test_behind_the_proxies_that_are_shipped_all_arrives_as_it_was_sent(tmp_path: Path, name: str) -> None:
    with connector_process(tmp_path, "") as server:
        port = URL(server.url).port or 0
        with proxy(name, tmp_path, [port, port]) as (url, tls):
            assert wrong(found(tmp_path, url + BASE, tls)) == {}


def test_what_a_proxy_does_by_default_to_names_and_long_headers_is_told(tmp_path: Path) -> None:
    with connector_process(tmp_path, "") as server, nginx(tmp_path, server.url, AS_IT_IS) as url:
        findings = found(tmp_path, url + BASE)

    assert wrong(findings) == {"public-url-names": Condition.WARNING, "public-url-sizes": Condition.WARNING}
    assert "8,000 characters arrives; one of 32,000 is answered 400" in findings["public-url-sizes"].seen


@pytest.mark.parametrize(
    ("lines", "name", "condition"),
    [
        ("proxy_pass http://replicas/;", "public-url-paths", Condition.FAULT),
        (f"client_max_body_size 10k; {AS_IT_IS}", "public-url-bodies", Condition.WARNING),
        (f"proxy_next_upstream error non_idempotent; {AS_IT_IS}", "public-url-posts", Condition.FAULT),
        (f'proxy_set_header X-Connector-Session ""; {AS_IT_IS}', "public-url-seal", Condition.FAULT),
        ("return 403;", "public-url", Condition.FAULT),
    ],
)
def test_what_a_careless_proxy_does_is_told(tmp_path: Path, lines: str, name: str, condition: Condition) -> None:
    with connector_process(tmp_path, "") as server, nginx(tmp_path, server.url, lines) as url:
        assert wrong(found(tmp_path, url + BASE))[name] is condition


async def test_an_address_where_nobody_listens_is_a_fault(tmp_path: Path) -> None:
    with connector_process(tmp_path, ""):
        ended = await connector("doctor", "--url", f"http://{HOST}:{free_port()}{BASE}", folder=tmp_path)

    assert ended.exit_code == 2
    assert "fault\tpublic-url\tnothing that is sent to http://127.0.0.1:" in ended.out


async def test_a_public_address_cannot_be_tried_while_the_server_is_down(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("")

    ended = await connector("doctor", "--url", f"http://{HOST}:{free_port()}{BASE}", folder=tmp_path)

    assert "fault\tpublic-url\tno server listens at " in ended.out


@pytest.mark.parametrize("url", ["connector.example.com", "ftp://connector.example.com", "https://connector.example.com/?a=b"])
async def test_what_is_no_base_url_is_refused(tmp_path: Path, url: str) -> None:
    ended = await connector("doctor", "--url", url, folder=tmp_path)

    assert ended.exit_code == 2
    assert "expected a base URL" in ended.err
