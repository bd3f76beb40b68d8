"""A connector as a part of another application, which is served wherever that one is."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.typedefs import Handler

from connector.app import create_app
from connector.model.errors import ConfigurationError
from connector.preflight.loading import load
from tests.cli.command import connector
from tests.e2e.opshub import OpsHub
from tests.sessions.desk import Desk, settings
from tests.sessions.served import KEYS
from tests.sessions.test_cleanup import GLOBAL, SYSTEM
from tests.sessions.test_in_use import DEAD, ROUTES


async def hello(request: web.Request) -> web.Response:
    return web.json_response({"hello": "world"})


@pytest.mark.parametrize("prefix", ["/tools", "/a/b"])
async def test_mounted_into_another_application_all_is_as_before_below_the_prefix(
    desk: Desk, session: str, tmp_path: Path, prefix: str
) -> None:
    async with mounted(web.Application(), prefix, tmp_path, desk.section) as opshub:
        assert (await opshub.call("/")).body == {"hello": "world"}
        headers = (await opshub.initialize(session, settings(), query=SYSTEM, base=prefix)).session_headers
        assert (await opshub.call(f"{prefix}/about", headers)).status == 200
        assert isinstance((await opshub.call(f"{prefix}/mbse/api/1.0/nowhere")).body["errors"], list)
        assert (await opshub.cleanup(session, headers, SYSTEM, base=prefix)).status == 200
        assert (await opshub.call(f"{prefix}/about", headers)).body == DEAD
    assert not desk.alive


@pytest.mark.parametrize(
    ("caller", "security", "status"),
    [
        ("192.0.2.7", "", 404),
        ("2001:db8::7", "", 404),
        ("192.0.2.7", "allow_unsealed_cleanup_beyond_loopback = true\n", 200),
        ("127.0.0.2", "", 200),
        ("::ffff:127.0.0.1", "", 200),
        ("", "", 200),
    ],
)
async def test_mounted_into_an_application_beyond_loopback_callers_need_a_seal(
    session: str, tmp_path: Path, caller: str, security: str, status: int
) -> None:
    @web.middleware
    async def come_from_there(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await handler(request.clone(remote=caller))

    outer = web.Application(middlewares=[come_from_there])
    async with mounted(outer, "/tools", tmp_path, f"[security]\n{security}") as opshub:
        assert (await opshub.cleanup(session, None, GLOBAL, base="/tools")).status == status


async def test_mounted_into_another_application_it_is_administered_as_if_it_was_served(
    desk: Desk, session: str, tmp_path: Path
) -> None:
    async with mounted(web.Application(), "/tools", tmp_path, desk.section) as opshub:
        headers = (await opshub.initialize(session, settings(), query=SYSTEM, base="/tools")).session_headers
        status = await connector("status", "--json", folder=tmp_path, environ=KEYS)
        async with ClientSession() as http, http.get(status.json["metrics"]) as scrape:
            assert scrape.status == 200
            assert "connector_build_info" in await scrape.text()
        await opshub.cleanup(session, headers, SYSTEM, base="/tools")
        owed = await connector("owed", "list", "--all", "--json", folder=tmp_path, environ=KEYS)
    down = await connector("status", folder=tmp_path, environ=KEYS)

    assert (status.exit_code, status.json["status"], status.json["pid"]) == (0, "ready", os.getpid())
    assert status.json["ledger"]["sessions"] == 1
    assert [(row["session"], row["state"]) for row in owed.json] == [(session, "closed")]
    assert down.exit_code == 69
    assert not (tmp_path / "control.sock").exists()


async def test_mounted_its_ports_can_be_taken_like_any_others(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "config.toml").write_text(f"metrics.port = {port}\n")
        environ = {**KEYS, "CONNECTOR__CONTROL__SOCKET": str(tmp_path / "control.sock")}
        outer = web.Application()
        outer.add_subapp("/tools", create_app(tmp_path / "config.toml", environ=environ))

        with pytest.raises(ConfigurationError, match=f"metrics.port: another program listens on port {port}"):
            await web.AppRunner(outer).setup()


@asynccontextmanager
async def mounted(outer: web.Application, prefix: str, folder: Path, config: str) -> AsyncIterator[OpsHub]:
    """Serve a connector as a part of another application, and call that."""
    file = folder / "config.toml"
    file.write_text(
        f'{config}[ledger]\npath = "{folder}/l.sqlite3"\n[storage.sqlite]\npath = "{folder}/c.sqlite3"\n'
        f'[control]\nsocket = "{folder}/control.sock"\n[metrics]\nport = 0\n'
    )
    outer.router.add_get("/", hello)
    outer.add_subapp(prefix, create_app(load(file, KEYS), routes=ROUTES, environ=KEYS))
    runner = web.AppRunner(outer)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with OpsHub(f"http://127.0.0.1:{runner.addresses[0][1]}") as opshub:
            yield opshub
    finally:
        await runner.cleanup()
