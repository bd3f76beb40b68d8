"""The ledger's database goes away, or stops answering, under a server that runs: 503s meanwhile, and no restart afterwards."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.drivers.stores import fresh_namespace
from tests.e2e.connector_process import ConnectorProcess, connector_process
from tests.e2e.opshub import OpsHub
from tests.e2e.sharing_servers import CONFIG, SYSTEM
from tests.fleet.replicas import eventually
from tests.postgres import Postgres
from tests.servers import RealServer
from tests.sessions.desk import Desk, settings
from tests.sessions.served import KEYS

Change = Callable[[Postgres], None]


@pytest.fixture
def server(tmp_path: Path, redis: RealServer, own_postgres: Postgres, desk: Desk) -> Iterator[ConnectorProcess]:
    dsn = own_postgres.dsn(own_postgres.new_database())
    config = desk.section + CONFIG.format(redis=redis.port, namespace=fresh_namespace())
    with connector_process(tmp_path, config, {"LEDGER_DSN": dsn, **KEYS}) as process:
        yield process


def kill(postgres: Postgres) -> None:
    postgres.server.kill()


def start(postgres: Postgres) -> None:
    postgres.server.start()


def pause(postgres: Postgres) -> None:
    postgres.server.pause()


def resume(postgres: Postgres) -> None:
    postgres.server.resume()


def wait_for_a_standby(postgres: Postgres) -> None:
    """Let each commit wait for a standby that is not there."""
    postgres.administer("ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (nobody)'")
    postgres.administer("SELECT pg_reload_conf()")


def wait_for_none(postgres: Postgres) -> None:
    postgres.administer("ALTER SYSTEM RESET synchronous_standby_names")
    postgres.administer("SELECT pg_reload_conf()")


@pytest.mark.parametrize(
    ("harm", "mend"), [(kill, start), (pause, resume), (wait_for_a_standby, wait_for_none)], ids=["killed", "paused", "alone"]
)
async def test_calls_are_503_while_the_database_does_not_work_and_work_again_after_it(
    server: ConnectorProcess, own_postgres: Postgres, desk: Desk, harm: Change, mend: Change
) -> None:
    session = str(uuid4())
    async with OpsHub(server.url) as opshub:
        headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
        token = await desk.logging_in.get()
        await asyncio.to_thread(harm, own_postgres)
        while (refused := await opshub.initialize(str(uuid4()), settings(), query=SYSTEM)).status == 200:
            pass  # the settings of the database are read again in a moment
        await asyncio.to_thread(mend, own_postgres)
        while (done := await opshub.cleanup(session, headers, SYSTEM)).status != 200:
            assert done.status == 503
        await eventually(lambda: token not in desk.alive)

    assert refused.status == 503
