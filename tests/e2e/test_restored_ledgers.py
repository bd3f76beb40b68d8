"""A server on a ledger that was restored: logins that were open at the backup are ended, and nothing cached then is served."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.command import Ended, connector, surroundings
from tests.drivers.stores import fresh_namespace
from tests.e2e.connector_process import WITHIN, ConnectorProcess, started
from tests.e2e.opshub import OpsHub, until_degraded
from tests.e2e.sharing_servers import CONFIG, SYSTEM
from tests.postgres import Postgres
from tests.sessions.desk import Desk, settings
from tests.sessions.served import KEYS

APP = """
import os
from aiohttp import web
from connector import run, session

async def load():
    return os.getpid()

async def loader(request):
    return web.json_response(await session(request).system.cache.get_or_load("loader", load, kind=int))

run("config.toml", routes=[web.get("/loader", loader)])
"""
MORE = '[server]\nport = 0\n[logs]\nformat = "json"\n[metrics]\nenabled = false\n'
BACKUP = "elsewhere.backup"


@dataclass(frozen=True, slots=True)
class Installation:
    """A connector that caches what it has loaded, in a folder of its own."""

    folder: Path
    environ: dict[str, str]
    postgres: Postgres | None = None

    @contextmanager
    def server(self) -> Iterator[ConnectorProcess]:
        with started((sys.executable, "app.py"), self.folder, surroundings(self.environ)) as process:
            yield process

    async def command(self, *arguments: str) -> Ended:
        ended = await connector(*arguments, folder=self.folder, environ=self.environ)
        assert ended.exit_code == 0, ended.err
        return ended

    def lose_the_ledger(self) -> None:
        """Leave an empty place where the ledger was, while the store of cached values stays."""
        for path in (self.folder / "var").glob("ledger.sqlite3*"):
            path.unlink()
        if self.postgres is not None:
            self.environ["LEDGER_DSN"] = self.postgres.dsn(self.postgres.new_database())


@pytest.fixture(params=["file", "database"])
def installation(request: pytest.FixtureRequest, tmp_path: Path, desk: Desk) -> Installation:
    is_shared = request.param == "database"
    stores = CONFIG.format(redis=request.getfixturevalue("redis").port, namespace=fresh_namespace()) if is_shared else ""
    (tmp_path / "config.toml").write_text(desk.section + stores + MORE)
    (tmp_path / "app.py").write_text(APP)
    made = Installation(tmp_path, dict(KEYS), request.getfixturevalue("postgres") if is_shared else None)
    made.lose_the_ledger()
    return made


async def test_a_restored_ledger_ends_what_was_open_and_serves_nothing_cached(
    installation: Installation, desk: Desk, session: str
) -> None:
    with installation.server() as server:
        async with OpsHub(server.url) as opshub:
            headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
            cached = (await opshub.call("/loader", headers)).body
            backed_up = await installation.command("backup", BACKUP, "--json")
    with installation.server() as server:
        async with OpsHub(server.url) as opshub:
            await until_degraded(opshub)  # at a start, the authority is trusted once what is owed is evicted
            assert (await opshub.call("/loader", headers)).body == cached  # it outlives a restart
    installation.lose_the_ledger()

    restored = await installation.command("restore", BACKUP, "--json")

    assert (backed_up.json["rows"]["sessions"], restored.json["ended"], restored.json["owed"]) == (1, 1, 1)
    with installation.server() as server:
        async with OpsHub(server.url) as opshub, asyncio.timeout(WITHIN):
            assert (await opshub.call("/loader", headers)).status == 401
            anew = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
            assert (await opshub.call("/loader", anew)).body == server.process.pid
            assert await desk.ended.get() == await desk.logging_in.get()
    assert len(desk.alive) == 1


async def test_a_session_opened_after_the_backup_is_refused_and_its_cleanup_ends_it(
    installation: Installation, desk: Desk, session: str
) -> None:
    with installation.server() as server:
        await installation.command("backup", BACKUP)
        async with OpsHub(server.url) as opshub:
            headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
    installation.lose_the_ledger()
    await installation.command("restore", BACKUP)

    with installation.server() as server:
        async with OpsHub(server.url) as opshub, asyncio.timeout(WITHIN):
            assert (await opshub.call("/loader", headers)).status == 401
            assert (await opshub.cleanup(session, headers, SYSTEM)).status == 200
    assert desk.alive == set()
