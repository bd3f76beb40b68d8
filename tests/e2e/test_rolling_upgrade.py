"""A rolling upgrade that a client sees: replicas of two versions side by side on one database, behind a load balancer."""

import asyncio
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from connector.ledger.postgres.tables import MIGRATIONS
from tests.balancer import balancer
from tests.drivers.stores import memory_before
from tests.e2e.connector_process import WITHIN
from tests.e2e.older import LAYOUT
from tests.e2e.opshub import OpsHub
from tests.e2e.replicas import Replica
from tests.e2e.test_rolling_restart import sessions_until
from tests.postgres import Postgres
from tests.servers import RealServer
from tests.sessions.desk import Desk, settings
from tests.sessions.test_cleanup import SYSTEM

CLIENTS = 4
OLDER, TODAYS = "tests.e2e.older", "tests.e2e.unhurried"
pytestmark = pytest.mark.usefixtures("haproxy_binary")


async def one_session_until(stopped: asyncio.Event, url: str, statuses: "Counter[tuple[str, int]]") -> None:
    """Use one session all the time, and clean it up at the end."""
    session = str(uuid4())
    async with OpsHub(url) as opshub:
        headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
        while not stopped.is_set():
            statuses["call of an old session", (await opshub.call("/slow?seconds=0.05", headers)).status] += 1
        statuses["last cleanup", (await opshub.cleanup(session, headers, SYSTEM)).status] += 1


async def test_a_client_sees_no_failure_and_no_session_is_lost_while_replicas_are_upgraded(
    own_redis: RealServer, postgres: Postgres, desk: Desk, tmp_path: Path
) -> None:
    database = postgres.new_database()
    config = desk.section + memory_before(own_redis) + '[ledger]\nstore = "postgres"\ndsn_env = "LEDGER_DSN"\n'
    environment = {"LEDGER_DSN": postgres.dsn(database)}
    replicas = [Replica(tmp_path / name, config, "drain = 3", environment=environment) for name in ("one", "two")]
    statuses: Counter[tuple[str, int]] = Counter()
    stopped = asyncio.Event()

    def layouts() -> object:
        return postgres.administer("SELECT number, layout FROM ledger_version", database)

    with balancer([replica.port for replica in replicas], check=5) as front, ExitStack() as lives:
        servers = [lives.enter_context(replica.running(OLDER)) for replica in replicas]

        async def replace(number: int, script: str) -> None:
            servers[number].process.terminate()
            await front.until(number, "DOWN")
            assert await servers[number].exit_code() == 0
            servers[number] = lives.enter_context(replicas[number].running(script))
            await front.until(number, "UP")

        for number in range(len(replicas)):
            await front.until(number, "UP")
        async with asyncio.timeout(5 * WITHIN), asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(sessions_until(stopped, front.url, statuses))
                clients.create_task(one_session_until(stopped, front.url, statuses))
            before = layouts()
            await replace(0, TODAYS)
            beside = layouts()
            await replace(1, OLDER)
            await replace(1, TODAYS)
            afterwards = layouts()
            stopped.set()
        for server in servers:
            server.process.terminate()
            assert await server.exit_code() == 0

    assert {status for _, status in statuses} == {200}, statuses
    assert statuses["last cleanup", 200] == CLIENTS
    assert [before, beside, afterwards] == [[(LAYOUT, LAYOUT)], *[[(LAYOUT, len(MIGRATIONS))]] * 2]
    assert postgres.administer("SELECT count(*) FROM quarantine", database) == [(0,)]
    assert not desk.alive
    assert {*desk.logouts.values()} == {1}
