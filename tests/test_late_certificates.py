"""A context that reads the authorities of the system late trusts those that it would have trusted at once."""

import asyncio
import ssl
import sys
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connector.runtime.late_certificates import LateContext, late_certificates
from tests.cli.command import WITHIN, surroundings
from tests.endsystems.certificates import authority

CALLS = """
import asyncio, sys
from connector.runtime.quick_imports import quick_imports
with quick_imports():
    import aiohttp
late = [type(each).__name__ for each in vars(aiohttp.connector).values() if isinstance(each, aiohttp.connector.SSLContext)]
async def call():
    async with aiohttp.ClientSession() as http:
        for _ in range(2):
            try:
                async with http.get(sys.argv[1]) as answer:
                    print(answer.status)
            except aiohttp.ClientConnectorCertificateError:
                print("not trusted")
        async with http.get(sys.argv[1], ssl=False) as answer:
            print(answer.status)
print(*late)
asyncio.run(call())
"""
FILE, FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"
"""OpenSSL's variables for the authorities of the system."""


def connect(context: ssl.SSLContext) -> type:
    context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="localhost")
    return type(context)


async def called(url: str, trusted: Path, folder: Path) -> list[str]:
    environ = surroundings({FILE: str(trusted), FOLDER: str(folder / "none")})
    command = (sys.executable, "-c", CALLS, url)
    process = await asyncio.create_subprocess_exec(*command, env=environ, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(WITHIN):
        out, _ = await process.communicate()
    return out.decode().splitlines()


async def test_aiohttp_s_own_client_trusts_the_system_although_nothing_was_read_before(tmp_path: Path) -> None:
    ours, other = tmp_path / "ours", tmp_path / "other"
    ours.mkdir()
    other.mkdir()
    made = authority(ours)
    server = TestServer(web.Application(), host="localhost", scheme="https")
    await server.start_server(ssl=made.server())
    try:
        url = f"https://localhost:{server.port}/"

        assert await called(url, made.file, ours) == ["LateContext LateContext", "404", "404", "404"]
        assert await called(url, authority(other).file, other) == ["LateContext LateContext", *["not trusted"] * 2, "404"]
    finally:
        await server.close()


def test_a_context_that_was_made_late_reads_at_its_first_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE, str(authority(tmp_path).file))
    with late_certificates():
        context = ssl.create_default_context()

    assert type(context) is LateContext
    assert context.cert_store_stats()["x509"] == 0
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert connect(context) is ssl.SSLContext
    assert context.cert_store_stats()["x509"] == 1


def test_what_cannot_be_read_at_one_connection_is_read_at_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "none"))
    monkeypatch.setenv(FILE, str(tmp_path / "authority.pem"))
    with late_certificates():
        context = ssl.create_default_context()

    assert connect(context) is LateContext
    authority(tmp_path)
    assert connect(context) is ssl.SSLContext


def test_contexts_that_are_made_afterwards_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE, str(authority(tmp_path).file))
    with late_certificates():
        with late_certificates():
            pass
        assert type(ssl.create_default_context()) is LateContext

    context = ssl.create_default_context()
    assert type(context) is ssl.SSLContext
    assert context.cert_store_stats()["x509"] == 1
