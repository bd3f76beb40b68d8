"""By which names a server may be called."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from connector.api.hosts import Hosts
from connector.app import create_app
from connector.model.addresses import canonical_host, is_loopback
from connector.preflight.loading import load
from tests.callers.sent import CLEANUP, sent, sent_by_socket
from tests.callers.test_web_pages import counted
from tests.config.reading import problems
from tests.sessions.served import KEYS, Served, served

OWN = [
    "localhost",
    "localhost:8080",
    "LocalHost.",
    "127.0.0.1",
    "127.0.0.1:8080",
    "127.1:8080",
    "127.8.9.10",
    "2130706433",
    "0x7f.1",
    "[::1]:8080",
    "[0:0::1]",
    "[::ffff:127.0.0.1]:80",
    "127.0.0.1:",
]
FOREIGN = [
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.localhost",
    "192.0.2.7",
    "[2001:db8::1]",
    "0.0.0.0:8080",
    "",
    ":8080",
    "localhost:8080:8080",
    "localhost:x",
    "localhost,evil.example",
    "localhost@evil.example",
    "evil.example/localhost",
    "[::1",
    "l\xf6calhost",
    "localhost" + ":" + "0" * 300,
]
NAMED = 'server.allowed_hosts = ["connector.example.org", "192.0.2.7", "2001:db8::7"]'


@pytest.mark.parametrize("host", OWN)
async def test_on_loopback_a_server_is_called_by_the_names_of_this_machine(server: Served, host: str) -> None:
    assert (await sent(server.url, CLEANUP, f"Host: {host}", method="POST")).status == 200


@pytest.mark.parametrize("host", FOREIGN)
async def test_on_loopback_to_who_uses_another_name_there_is_nothing(server: Served, host: str) -> None:
    answers = [
        await sent(server.url, CLEANUP, f"Host: {host}", method="POST"),
        await sent(server.url, "/health/ready", f"Host: {host}"),
    ]

    assert [answer.refused for answer in answers] == [True, True]
    assert counted(server, "host") == 2


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("second", ["localhost", "evil.example"])
async def test_a_request_that_names_two_hosts_is_not_valid(server: Served, version: str, second: str) -> None:
    assert (await sent(server.url, "/health/live", "Host: localhost", f"Host: {second}", version=version)).status == 400


async def test_a_request_that_names_no_host_is_not_valid(server: Served) -> None:
    assert (await sent(server.url, "/health/live")).status == 400


async def test_a_health_check_in_http_1_0_needs_no_host_but_a_right_one_if_any(server: Served) -> None:
    assert (await sent(server.url, "/health/live", version="1.0")).status == 200
    assert (await sent(server.url, "/health/live", "Host: evil.example", version="1.0")).refused
    assert (await sent(server.url, "http://evil.example/health/live", version="1.0")).refused


async def test_a_target_that_is_a_whole_url_is_held_to_the_same(server: Served) -> None:
    local, foreign = "http://localhost:1/health/live", "http://evil.example/health/live"
    assert (await sent(server.url, local, "Host: localhost")).status == 200
    assert (await sent(server.url, "http://[::1]/health/live", "Host: localhost")).status == 200
    assert (await sent(server.url, foreign, "Host: localhost")).refused
    assert (await sent(server.url, local, "Host: evil.example")).refused
    assert (await sent(server.url, "http://localhost@evil.example/health/live", "Host: localhost")).refused


@pytest.mark.parametrize("host", ["connector.example.org", "Connector.Example.org.:443", "192.0.2.7:8080", "[2001:db8::7]:80"])
async def test_a_server_with_names_is_called_by_them(tmp_path: Path, host: str) -> None:
    async with served(tmp_path, NAMED) as server:
        assert (await sent(server.url, "/health/live", f"Host: {host}")).status == 200


@pytest.mark.parametrize("host", ["example.org", "x.connector.example.org", "192.0.2.8", "evil.localhost", "0.0.0.0", ""])
@pytest.mark.parametrize("listens_on", ["127.0.0.1", "0.0.0.0"])
async def test_a_server_with_names_is_called_by_no_other_wherever_it_listens(tmp_path: Path, host: str, listens_on: str) -> None:
    async with served(tmp_path, f'{NAMED}\nserver.host = "{listens_on}"') as server:
        assert (await sent(server.url, "/health/live", f"Host: {host}")).refused


async def test_a_whole_url_is_held_to_the_names_of_the_server(tmp_path: Path) -> None:
    async with served(tmp_path, NAMED) as server:
        foreign = await sent(server.url, "http://evil.example/health/live", "Host: connector.example.org")
        named = await sent(server.url, "http://connector.example.org/health/live", "Host: connector.example.org")
    assert (foreign.refused, named.status) == (True, 200)


@pytest.mark.parametrize("host", OWN)
@pytest.mark.parametrize("listens_on", ["127.0.0.1", "0.0.0.0"])
async def test_the_health_checks_of_this_machine_need_no_name_of_the_server(tmp_path: Path, host: str, listens_on: str) -> None:
    async with served(tmp_path, f'{NAMED}\nserver.host = "{listens_on}"') as server:
        assert (await sent(server.url, "/health/live", f"Host: {host}")).status == 200
        assert (await sent(server.url, "/health/live", version="1.0")).status == 200


@pytest.mark.parametrize(
    ("arrived_at", "host", "is_met"),
    [
        ("192.0.2.9", "192.0.2.9:8080", True),
        ("192.0.2.9", "192.0.2.10:8080", False),
        ("192.0.2.9", "connector.example.org", True),
        ("192.0.2.9", "evil.example", False),
        ("::ffff:192.0.2.9", "192.0.2.9", True),
        ("2001:db8::9", "[2001:DB8:0::9]:8080", True),
        ("2001:db8::9", "[2001:db8::a]:8080", False),
        ("fe80::1%eth0", "", False),
    ],
)
def test_a_server_with_names_is_called_by_the_address_of_the_connection(arrived_at: str, host: str, is_met: bool) -> None:
    there = asyncio.Transport(extra={"sockname": (arrived_at, 8080)})
    request = make_mocked_request("GET", "/health/ready", {"Host": host}, transport=there)
    assert Hosts(["connector.example.org"], "0.0.0.0").are_met_by(request) is is_met


@pytest.mark.parametrize("host", ["anything.example", "localhost", "192.0.2.7:8080", ""])
async def test_a_server_without_names_beyond_loopback_is_called_by_any(tmp_path: Path, host: str) -> None:
    async with served(tmp_path, 'server.host = "0.0.0.0"') as server:
        assert (await sent(server.url, "/health/live", f"Host: {host}")).status == 200
        assert (await sent(server.url, "/health/live", version="1.0")).status == 200


@asynccontextmanager
async def mounted(folder: Path) -> AsyncIterator[web.AppRunner]:
    """A connector as shipped, as a part of an application that is not served yet."""
    (folder / "config.toml").write_text(
        f'ledger.path = "{folder}/l.sqlite3"\nstorage.sqlite.path = "{folder}/c.sqlite3"\n'
        f'control.socket = "{folder}/control.sock"\nmetrics.port = 0\n'
    )
    outer = web.Application()
    outer.add_subapp("/tools", create_app(load(folder / "config.toml", KEYS), environ=KEYS))
    runner = web.AppRunner(outer)
    await runner.setup()
    try:
        yield runner
    finally:
        await runner.cleanup()


async def test_where_a_mounted_connector_is_served_the_connection_tells(tmp_path: Path) -> None:
    async with mounted(tmp_path) as runner:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        socket = str(tmp_path / "outer.sock")
        await web.UnixSite(runner, socket).start()

        assert (await sent(url, "/tools/health/live", "Host: evil.example")).refused
        assert (await sent(url, "/tools/health/live", "Host: localhost")).status == 200
        assert (await sent_by_socket(socket, "/tools/health/live", "Host: connector.example.org")).status == 200


@pytest.mark.parametrize("host", ["", "a b", "connector.example.org:443", "https://connector.example.org", "[::1]:80", "*"])
def test_names_are_names_or_addresses_without_a_port(tmp_path: Path, host: str) -> None:
    assert problems(tmp_path, f"server.allowed_hosts = ['{host}']") == [
        (
            "server.allowed_hosts: expected names or addresses such as connector.example.org or 192.0.2.7, without a port "
            "(config.toml)"
        )
    ]


@given(st.integers(0, 0xFF_FFFF), st.sampled_from([str, int, lambda address: hex(int(address)), lambda a: f"::ffff:{a}"]))
def test_every_loopback_address_is_this_machines_in_every_spelling(host: int, spell: object) -> None:
    address = IPv4Address(0x7F00_0000 | host)
    assert callable(spell)
    assert is_loopback(canonical_host(str(spell(address))))


@given(st.text())
def test_any_text_is_a_host_or_none(text: str) -> None:
    name = canonical_host(text)
    assert name == canonical_host(name)
