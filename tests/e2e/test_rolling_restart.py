"""A client behind a load balancer: its replicas are restarted one after the other, or lose the store that they share."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from tests.balancer import balancer
from tests.drivers.stores import memory_before
from tests.e2e.connector_process import WITHIN
from tests.e2e.opshub import OpsHub
from tests.e2e.replicas import Replica
from tests.postgres import Postgres
from tests.servers import RealServer
from tests.sessions.desk import Desk, settings
from tests.sessions.test_cleanup import SYSTEM

CLIENTS = 8
pytestmark = pytest.mark.usefixtures("haproxy_binary")


def replicas_on(postgres: Postgres, config: str, deadlines: str, folder: Path) -> list[Replica]:
    """Return two replicas with a ledger that they share."""
    ledger = '[ledger]\nstore = "postgres"\ndsn_env = "LEDGER_DSN"\n'
    environment = {"LEDGER_DSN": postgres.dsn(postgres.new_database())}
    return [Replica(folder / name, config + ledger, deadlines, environment=environment) for name in ("one", "two")]


async def sessions_until(stopped: asyncio.Event, url: str, statuses: "Counter[tuple[str, int]]") -> None:
    """Open, use and clean up one session after the other, as any number of integrations do, and count the answers."""
    async with OpsHub(url) as opshub:
        while not stopped.is_set():
            session = str(uuid4())
            opened = await opshub.initialize(session, settings(), query=SYSTEM)
            statuses["initialize", opened.status] += 1
            for _ in range(3):
                statuses["call", (await opshub.call("/slow?seconds=0.05", opened.session_headers)).status] += 1
            cleaned_up = await opshub.cleanup(session, opened.session_headers, SYSTEM)
            statuses["cleanup", cleaned_up.status] += 1


async def test_a_client_behind_a_load_balancer_sees_no_failure_while_its_replicas_restart(
    own_redis: RealServer, postgres: Postgres, desk: Desk, tmp_path: Path
) -> None:
    replicas = replicas_on(postgres, desk.section + memory_before(own_redis), "drain = 3", tmp_path)
    statuses: Counter[tuple[str, int]] = Counter()
    stopped = asyncio.Event()
    with balancer([replica.port for replica in replicas], check=5) as front, ExitStack() as lives:
        servers = [lives.enter_context(replica.running()) for replica in replicas]
        for number in range(len(replicas)):
            await front.until(number, "UP")
        async with asyncio.timeout(4 * WITHIN), asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(sessions_until(stopped, front.url, statuses))
            for number, replica in enumerate(replicas):
                servers[number].process.terminate()
                await front.until(number, "DOWN")
                assert await servers[number].exit_code() == 0
                servers[number] = lives.enter_context(replica.running())
                await front.until(number, "UP")
            stopped.set()
        for server in servers:
            server.process.terminate()
            assert await server.exit_code() == 0

    assert {status for _, status in statuses} == {200}, statuses
    assert min(statuses.values()) > CLIENTS
    assert not desk.alive


@pytest.mark.parametrize("lose", [RealServer.kill, RealServer.pause], ids=["gone", "silent"])
async def test_replicas_whose_store_is_gone_or_silent_go_on_serving_behind_a_balancer(
    own_redis: RealServer, postgres: Postgres, desk: Desk, tmp_path: Path, lose: Callable[[RealServer], None]
) -> None:
    session = str(uuid4())
    replicas = replicas_on(postgres, desk.section + memory_before(own_redis), "drain = 0", tmp_path)
    with balancer([replica.port for replica in replicas], check=1) as front, ExitStack() as lives:
        servers = [lives.enter_context(replica.running()) for replica in replicas]
        for number in range(len(replicas)):
            await front.until(number, "UP")
        async with OpsHub(front.url) as opshub, asyncio.timeout(2 * WITHIN):
            headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
            lose(own_redis)
            for server in servers:
                await server.logged("the authority is down", driver="shared")
            await front.until_checked_again()
            assert await front.states() == {"replica0": "UP", "replica1": "UP"}
            calls = [(await opshub.call("/slow", headers)).status for _ in range(4)]
            opened = await opshub.initialize(str(uuid4()), settings(), query=SYSTEM)
            cleaned_up = await opshub.cleanup(session, headers, SYSTEM)
            repeated = [(await opshub.call("/slow", headers)).status for _ in range(2)]

    assert (calls, opened.status) == ([200] * 4, 200)
    assert (cleaned_up.status, cleaned_up.body["errors"]["code"]) == (503, "eviction_unavailable")
    assert cleaned_up.body["errors"]["detail"]["logout"]["outcome"] == "acknowledged"
    assert 401 in repeated, "the replica that has cleaned it up knows it as closed"
