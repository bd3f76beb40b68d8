"""A store that is taken out of `storage.drivers` misses cleanups. Put back, it serves nothing that it held before."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drivers.stores import fresh_namespace, memory_before
from tests.e2e.connector_process import WITHIN
from tests.e2e.opshub import OpsHub, until_degraded
from tests.e2e.sharing_servers import SYSTEM
from tests.e2e.test_restored_ledgers import APP, MORE, Installation
from tests.fleet.cable import cable
from tests.servers import RealServer
from tests.sessions.desk import Desk, settings
from tests.sessions.served import KEYS

GLOBAL = {**SYSTEM, "cleanupGlobalCache": "true"}
IN_A_FILE = '[storage]\ndrivers = ["memory", "sqlite"]\n[storage.sqlite]\npath = "var/cache.sqlite3"\n'
OTHERS = {
    "in memory alone": '[storage]\ndrivers = ["memory"]\n',
    "in another file": IN_A_FILE.replace("cache.sqlite3", "other.sqlite3"),
}
LOOK_EVERY = 0.1
Configure = Callable[[str], None]


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    (tmp_path / "app.py").write_text(APP)
    return Installation(tmp_path, dict(KEYS))


@pytest.fixture
def configure(tmp_path: Path, desk: Desk) -> Configure:
    def write(stores: str) -> None:
        (tmp_path / "config.toml").write_text(desk.section + stores + MORE)

    return write


async def loaded_by(installation: Installation, session: str) -> tuple[int, int]:
    """Run a server; return which one loaded the value that it serves, and its own process."""
    with installation.server() as server:
        async with OpsHub(server.url) as opshub, asyncio.timeout(WITHIN):
            await until_degraded(opshub)  # at a start, the authority is trusted once what is owed is evicted
            headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
            return (await opshub.call("/loader", headers)).body, server.process.pid


async def clean_up(installation: Installation, session: str) -> int:
    with installation.server() as server:
        async with OpsHub(server.url) as opshub, asyncio.timeout(WITHIN):
            headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
            return (await opshub.cleanup(session, headers, GLOBAL)).status


@pytest.mark.parametrize("other", OTHERS)
async def test_a_store_that_missed_a_cleanup_serves_nothing_from_before(
    installation: Installation, configure: Configure, session: str, other: str
) -> None:
    configure(IN_A_FILE)
    first, _ = await loaded_by(installation, session)
    assert (await loaded_by(installation, session))[0] == first, "it outlives a restart"
    configure(OTHERS[other])
    assert await clean_up(installation, session) == 200
    configure(IN_A_FILE)

    found, itself = await loaded_by(installation, session)

    assert found == itself


async def test_nothing_is_owed_to_a_store_that_is_taken_out_nor_served_once_it_is_back(
    installation: Installation, configure: Configure, redis: RealServer, session: str
) -> None:
    async with cable(redis.port) as laid:
        in_redis = f'{memory_before(laid)}namespace = "{fresh_namespace()}"\n'
        configure(in_redis)
        first, _ = await loaded_by(installation, session)
        with installation.server() as server:
            async with OpsHub(server.url) as opshub, asyncio.timeout(WITHIN):
                await until_degraded(opshub)
                headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
                assert (await opshub.call("/loader", headers)).body == first
                await laid.cut()
                assert (await opshub.cleanup(session, headers, GLOBAL)).status == 503
        laid.mend()
        configure(IN_A_FILE)
        with installation.server():
            async with asyncio.timeout(WITHIN):
                while await evictions_owed(installation):  # noqa: ASYNC110 - another process changes it
                    await asyncio.sleep(LOOK_EVERY)
        configure(in_redis)

        found, itself = await loaded_by(installation, session)

    assert found == itself


async def evictions_owed(installation: Installation) -> int:
    return int((await installation.command("status", "--json")).json["ledger"]["evictions"])
