"""The primary of the ledger's database dies under a server, and a standby that commits have waited for takes its place."""

import asyncio
from pathlib import Path
from uuid import uuid4

from tests.cli.command import connector
from tests.drivers.stores import fresh_namespace
from tests.e2e.connector_process import connector_process
from tests.e2e.opshub import OpsHub
from tests.e2e.sharing_servers import CONFIG, SYSTEM
from tests.ledger.failing_over import pair_of
from tests.postgres import Postgres, standby_of
from tests.servers import RealServer
from tests.sessions.desk import Desk, settings
from tests.sessions.served import KEYS

WITHIN = 120.0


def wait_for_commits_of(primary: Postgres, name: str) -> None:
    """Let each commit of the primary wait for the standby, from a moment on that is sure to have come."""
    primary.administer(f"ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 ({name})'")
    primary.administer("SELECT pg_reload_conf()")
    while primary.administer("SHOW synchronous_standby_names") != [(f"FIRST 1 ({name})",)]:
        pass
    while primary.administer("SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
        pass


async def test_sessions_and_debts_outlive_the_primary_and_the_server_needs_no_restart(
    tmp_path: Path, redis: RealServer, own_postgres: Postgres, desk: Desk
) -> None:
    database, sessions = own_postgres.new_database(), [str(uuid4()) for _ in range(5)]
    with standby_of(own_postgres, "near") as standby:
        await asyncio.wait_for(asyncio.to_thread(wait_for_commits_of, own_postgres, "near"), WITHIN)
        ports = f"{own_postgres.server.port},{standby.server.port}"
        environment = {"LEDGER_DSN": f"{own_postgres.dsn(database)} host=127.0.0.1,127.0.0.1 port={ports}", **KEYS}
        config = desk.section + CONFIG.format(redis=redis.port, namespace=fresh_namespace())
        with connector_process(tmp_path, config, environment) as server:
            async with asyncio.timeout(WITHIN), OpsHub(server.url) as opshub:
                headers = [(await opshub.initialize(each, settings(), query=SYSTEM)).session_headers for each in sessions]
                status = await connector("status", folder=tmp_path, environ=environment)
                await asyncio.to_thread(own_postgres.server.kill)
                await asyncio.to_thread(standby.administer, "SELECT pg_promote()")
                for session, sealed in zip(sessions, headers, strict=True):
                    while (await opshub.cleanup(session, sealed, SYSTEM)).status == 503:
                        pass
                listed = await connector("sessions", "list", "--json", folder=tmp_path, environ=environment)
            assert server.process.poll() is None

    assert "durability\ta commit waits for the disk and for a standby (FIRST 1 (near))" in status.out.splitlines()
    assert (desk.alive, listed.json) == (set(), [])


async def test_sessions_that_the_standby_lacks_are_open_again_and_the_status_tells(
    tmp_path: Path, redis: RealServer, own_postgres: Postgres, desk: Desk
) -> None:
    before, after = [str(uuid4()) for _ in range(3)], [str(uuid4()) for _ in range(3)]
    async with pair_of(own_postgres) as pair:
        ports = f"{pair.primary.server.port},{pair.standby.server.port}"
        environment = {"LEDGER_DSN": f"{pair.address} host=127.0.0.1,127.0.0.1 port={ports}", **KEYS}
        config = desk.section + CONFIG.format(redis=redis.port, namespace=fresh_namespace())
        with connector_process(tmp_path, config, environment) as server:
            async with asyncio.timeout(WITHIN), OpsHub(server.url) as opshub:
                headers = {each: (await opshub.initialize(each, settings(), query=SYSTEM)).session_headers for each in before}
                await pair.cut_off()
                headers |= {each: (await opshub.initialize(each, settings(), query=SYSTEM)).session_headers for each in after}
                assert (await opshub.cleanup(before[0], headers.pop(before[0]), SYSTEM)).status == 200
                await asyncio.to_thread(own_postgres.server.kill)
                await pair.fail_over()
                open_ = await until_listed(tmp_path, environment)
                status = await connector("status", folder=tmp_path, environ=environment)
                for session, sealed in headers.items():
                    assert (await opshub.cleanup(session, sealed, SYSTEM)).status == 200

    assert open_ == headers.keys()
    assert "commits lost by the database\t1 times since the start" in status.out.splitlines()
    assert desk.alive == set()


async def until_listed(folder: Path, environment: dict[str, str]) -> set[str]:
    """Return which sessions are open, once the database answers."""
    while True:
        listed = await connector("sessions", "list", "--json", folder=folder, environ=environment)
        if listed.exit_code == 0:
            return {each["session"] for each in listed.json}
