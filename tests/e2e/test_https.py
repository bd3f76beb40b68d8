"""HTTPS on the server's own address: who may connect, what a hang-up applies, and what is wrong with a file."""

import asyncio
import signal
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from connector.api.doors import HANDSHAKE
from tests.cli.command import connector
from tests.e2e.connector_process import WITHIN, ConnectorProcess, connector_process
from tests.e2e.surroundings import WITHOUT_TERMINAL
from tests.endsystems.certificates import Authority, authority

TLS = '[server.tls]\ncertificate = "server.pem"\n'
CONSOLE = '[console]\nenabled = true\nport = 0\ntoken_file = "token"\n[console.tls]\ncertificate = "server.pem"\n'
OLD, NEW = "o" * 32, "n" * 32
WANTING_CLIENTS = f'{TLS}client_ca_file = "authority.pem"\n'


@pytest.fixture
def trusted(tmp_path: Path) -> Authority:
    made = authority(tmp_path)
    made.server()  # leaves its certificate and key in server.pem
    return made


@asynccontextmanager
async def client(server: ConnectorProcess, tls: ssl.SSLContext) -> AsyncIterator[aiohttp.ClientSession]:
    url = URL(server.url).with_scheme("https").with_host("localhost")
    async with aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(ssl=tls), timeout=aiohttp.ClientTimeout(WITHIN)) as http:
        yield http


async def cleaned_up(http: aiohttp.ClientSession, session: str) -> int:
    async with http.post(f"/cleanup/{session}", params={"systemId": "one"}) as answer:
        return answer.status


async def shown(server: ConnectorProcess, trusted: Authority) -> bytes:
    """Return the certificate that a new connection is shown."""
    return await shown_at(URL(server.url).port, trusted)


async def shown_at(port: int | None, trusted: Authority) -> bytes:
    tls = ssl.create_default_context(cafile=trusted.file)
    async with asyncio.timeout(WITHIN):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname="localhost")
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    assert isinstance(certificate, bytes)
    return certificate


async def test_a_session_is_cleaned_up_over_https_and_nothing_in_clear_text(
    trusted: Authority, tmp_path: Path, session: str
) -> None:
    with connector_process(tmp_path, TLS) as server:
        async with client(server, ssl.create_default_context(cafile=trusted.file)) as http:
            assert await cleaned_up(http, session) == 200
        async with aiohttp.ClientSession(server.url) as plain:
            with pytest.raises(aiohttp.ClientError):
                await cleaned_up(plain, session)


async def test_beyond_loopback_https_is_no_clear_text(trusted: Authority, tmp_path: Path) -> None:
    with connector_process(tmp_path, TLS, {"CONNECTOR__SERVER__HOST": "0.0.0.0"}) as server:
        await shown(server, trusted)

        assert "clear text" not in server.log.read_text()


@pytest.mark.parametrize("sent", [b"", b"POST /cleanup"])
async def test_who_does_not_finish_the_handshake_is_cut_off(trusted: Authority, tmp_path: Path, sent: bytes) -> None:
    with connector_process(tmp_path, TLS) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", URL(server.url).port)
        writer.write(sent)

        async with asyncio.timeout(2 * HANDSHAKE):
            await reader.read()
        writer.close()


async def test_only_a_client_with_a_certificate_of_the_authority_may_connect(
    trusted: Authority, tmp_path: Path, session: str
) -> None:
    with connector_process(tmp_path, WANTING_CLIENTS) as server:
        stranger, known = (ssl.create_default_context(cafile=trusted.file) for _ in range(2))
        known.load_cert_chain(*trusted.client())
        async with client(server, known) as http:
            assert await cleaned_up(http, session) == 200
        async with client(server, stranger) as http:
            with pytest.raises(aiohttp.ClientError):
                await cleaned_up(http, session)


async def test_after_a_hang_up_new_connections_see_the_new_certificate_and_open_ones_go_on(
    trusted: Authority, tmp_path: Path, session: str
) -> None:
    with connector_process(tmp_path, TLS, launcher=WITHOUT_TERMINAL) as server:
        async with client(server, ssl.create_default_context(cafile=trusted.file)) as http:
            await cleaned_up(http, session)
            before = await shown(server, trusted)
            trusted.server()

            server.process.send_signal(signal.SIGHUP)
            await server.logged("read the configuration again")

            assert await shown(server, trusted) != before
            assert await cleaned_up(http, session) == 200


async def test_a_new_certificate_that_cannot_be_used_is_told_and_the_old_one_stays(trusted: Authority, tmp_path: Path) -> None:
    with connector_process(tmp_path, TLS, launcher=WITHOUT_TERMINAL) as server:
        before = await shown(server, trusted)
        (tmp_path / "server.pem").write_text("no certificate")

        server.process.send_signal(signal.SIGHUP)
        told = await server.logged("the configuration cannot be read again")

        assert told["problems"] == [
            "server.tls.certificate: expected a certificate and its key in PEM format, the key without a password"
        ]
        assert await shown(server, trusted) == before


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ('certificate = "nowhere.pem"', "server.tls.certificate: cannot be read: No such file or directory"),
        ('certificate = "authority.pem"', "server.tls.certificate: expected a certificate and its key in PEM format"),
        ('key = "server.pem"', "server.tls.key: expected server.tls.certificate beside it"),
        ('client_ca_file = "authority.pem"', "server.tls.client_ca_file: expected server.tls.certificate beside it"),
        ('certificate = "server.pem"\nclient_ca_file = "config.toml"', "server.tls.client_ca_file: expected a file with"),
    ],
)
async def test_what_is_wrong_with_the_files_is_told_before_anything_starts(
    trusted: Authority, tmp_path: Path, keys: str, told: str
) -> None:
    (tmp_path / "config.toml").write_text(f"[server.tls]\n{keys}\n")

    ended = [await connector(command, folder=tmp_path) for command in ("check-config", "serve")]

    assert [each.exit_code for each in ended] == [78, 78]
    assert all(told in each.err for each in ended)


async def test_a_hang_up_gives_the_console_its_new_certificate_and_token(trusted: Authority, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.touch(0o600)
    token.write_text(OLD)
    with connector_process(tmp_path, CONSOLE, launcher=WITHOUT_TERMINAL) as server:
        port = URL((await server.logged("serving the console"))["url"]).port
        url, tls = f"https://localhost:{port}/api/status", ssl.create_default_context(cafile=trusted.file)
        before = await shown_at(port, trusted)
        assert await answered(url, tls, OLD) == 200
        trusted.server()
        token.write_text(NEW)

        server.process.send_signal(signal.SIGHUP)
        await server.logged("read the configuration again")

        assert await shown_at(port, trusted) != before
        assert [await answered(url, tls, each) for each in (OLD, NEW)] == [401, 200]

        token.write_text("short")
        server.process.send_signal(signal.SIGHUP)
        told = await server.logged("the configuration cannot be read again")
        assert [each.partition(" ")[0] for each in told["problems"]] == ["console.token_file:"]
        assert await answered(url, tls, NEW) == 200


async def answered(url: str, tls: ssl.SSLContext, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as http, http.get(url, headers=headers) as answer:
        return answer.status
