"""`connector console`, run as a person runs it, and the console over HTTPS."""

from pathlib import Path

import aiohttp
from yarl import URL

from connector.config.settings import ConsoleSection, ConsoleTls
from tests.cli.command import connector
from tests.console.visitor import Visitor, link_of
from tests.control.administered import CONSOLE_TOKEN, Administered, administered
from tests.endsystems.certificates import authority


async def test_the_command_prints_a_link_on_a_line_of_its_own(server: Administered) -> None:
    ended = await connector("console", "--config", server.folder / "config.toml", folder=server.folder)

    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        seen = await Visitor(http, URL(ended.out.strip())).enter(URL(ended.out.strip()).fragment)
    assert (ended.exit_code, ended.out.count("\n"), seen.status) == (0, 1, 200)
    assert "It works once, within 120 seconds" in ended.err


async def test_the_command_says_how_a_console_is_switched_on(tmp_path: Path) -> None:
    async with administered(tmp_path) as server:
        ended = await connector("console", "--config", server.folder / "config.toml", folder=server.folder)

    assert ended.exit_code != 0
    assert "set console.enabled" in ended.err


async def test_over_https_the_cookie_is_sent_over_https_alone(tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    trusted.server()
    tls = ConsoleTls(certificate=tmp_path / "server.pem")
    console = ConsoleSection(enabled=True, host="localhost", port=0, token_env="CONSOLE_TOKEN", tls=tls)
    async with administered(tmp_path, console) as server:
        link = (await link_of(server)).with_host("localhost")
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar, connector=aiohttp.TCPConnector(ssl=False)) as http:
            seen = await Visitor(http, link).enter(CONSOLE_TOKEN)
            (cookie,) = jar

    assert (link.scheme, seen.status, cookie["secure"]) == ("https", 200, True)
