"""The console behind the proxies that examples/deploy has files for: who is named is in, and nobody else."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from connector.config.settings import ConsoleSection, ServerSection
from tests.console.visitor import Visitor, link_of
from tests.control.administered import CONSOLE_TOKEN, administered
from tests.deploy.proxies import shipped

NAMES = ("console.nginx.conf", "console.haproxy.cfg")
PASSWORD = "her-password"
ANN = aiohttp.encode_basic_auth("ann", PASSWORD)
CONSOLE = ConsoleSection(enabled=True, port=0, trusted_user_header="X-Remote-User", token_env="CONSOLE_TOKEN")


@asynccontextmanager
async def behind(name: str, folder: Path) -> AsyncIterator[tuple[Visitor, ssl.SSLContext]]:
    """Serve a console behind a proxy at which Ann has a password, and yield somebody before it."""
    (folder / "users").write_text(f"ann:{{PLAIN}}{PASSWORD}")
    (folder / "token").write_text(f'proxy_set_header X-Console-Token "{CONSOLE_TOKEN}";')
    async with administered(folder, CONSOLE, ServerSection(trusted_proxies=["127.0.0.1"])) as server:
        changes = {
            "127.0.0.1:9465": URL(await link_of(server)).authority,
            "/etc/nginx/console-users": str(folder / "users"),
            "/etc/nginx/console-token": str(folder / "token"),
            "password $5$made$by-openssl": f"insecure-password {PASSWORD}",
        }
        with shipped(name, folder, changes) as (url, tls):
            jar = aiohttp.CookieJar()
            async with aiohttp.ClientSession(cookie_jar=jar, connector=aiohttp.TCPConnector(ssl=tls)) as http:
                yield Visitor(http, URL(url)), tls


@pytest.mark.parametrize("name", NAMES)
async def test_whom_a_real_proxy_lets_in_is_named_and_acts_in_the_console(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSOLE_TOKEN", CONSOLE_TOKEN)
    async with behind(name, tmp_path) as (visitor, _):
        visitor.headers["Authorization"] = ANN
        seen = await visitor.get("/", X_Remote_User="mallory", X_Console_Token="guessed")
        assert (seen.status, "ann Log out" in seen.words) == (200, True)

        visitor.base = seen.path.rstrip("/")
        left = await visitor.post("/logout", seen.form("/logout"))
        assert left.status == 200
        visitor.base = ""
        assert (await visitor.get("/api/status")).status == 200


@pytest.mark.parametrize("name", NAMES)
async def test_whom_a_real_proxy_does_not_know_does_not_reach_the_console(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONSOLE_TOKEN", CONSOLE_TOKEN)
    async with behind(name, tmp_path) as (visitor, _):
        for path in ("/", "/api/status"):
            assert (await visitor.get(path, X_Remote_User="ann", X_Console_Token="guessed")).status == 401
