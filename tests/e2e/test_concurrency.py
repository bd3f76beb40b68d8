"""Duplicates and parallel steps, proved by barriers inside the server: nobody passes before all have come."""

import asyncio
import os
import resource
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from tests.e2e.barrier import barrier_driver
from tests.e2e.connector_process import ROOT, WITHIN, connector_process, started
from tests.e2e.held import HeldEndSystem
from tests.e2e.opshub import OpsHub
from tests.endsystems.real_oauth import OidcProvider

DUPLICATES = 1000
SESSIONS = 200


async def test_a_thousand_concurrent_duplicates_are_one_logout_and_a_thousand_times_200(
    oidc: OidcProvider, session: str, tmp_path: Path
) -> None:
    many_files()
    login, before = await oidc.log_in(), await oidc.revocations()
    storage = '[storage]\ndrivers = ["gate"]\n[storage.deadlines]\nevict = 60\n' + barrier_driver("gate", DUPLICATES)
    with connector_process(tmp_path, storage + oidc.section, oidc.environment) as server:
        async with OpsHub(server.url) as opshub, asyncio.TaskGroup() as calls:
            answers = [calls.create_task(opshub.cleanup(session, login.headers)) for _ in range(DUPLICATES)]
    assert {call.result().status for call in answers} == {200}
    assert {call.result().body["logout"]["outcome"] for call in answers} == {"verified"}
    assert await oidc.revocations() == before + 1
    assert not await login.works()


async def test_the_logout_and_all_evictions_are_under_way_at_the_same_time(session: str, tmp_path: Path) -> None:
    names = ("near", "middle", "authority")
    config = f"""
        [end_system]
        profile = "tests.e2e.barrier.BarrierEndSystem"
        settings = {{ parties = {len(names) + 1} }}
        [storage]
        drivers = {[*names]}
        {"".join(barrier_driver(name, len(names) + 1) for name in names)}
    """
    with connector_process(tmp_path, config) as server:
        async with OpsHub(server.url) as opshub:
            answer = await opshub.cleanup(session)
    assert (answer.status, answer.body["logout"]["outcome"]) == (200, "acknowledged")
    assert {name: step["outcome"] for name, step in answer.body["eviction"].items()} == dict.fromkeys(names, "evicted")


async def test_no_logout_waits_for_those_of_other_sessions(tmp_path: Path) -> None:
    async with HeldEndSystem() as end_system, asyncio.timeout(WITHIN):
        with connector_process(tmp_path, end_system.section) as server:
            async with OpsHub(server.url) as opshub, asyncio.TaskGroup() as calls:
                tokens = {f"Bearer {number}" for number in range(SESSIONS)}
                answers = [calls.create_task(opshub.cleanup(str(uuid4()), {"Authorization": token})) for token in tokens]
                assert {await end_system.asked.get() for _ in tokens} == tokens
                end_system.release.set()
    assert {call.result().body["logout"]["outcome"] for call in answers} == {"verified"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit stays as it is")
def test_a_server_may_have_as_many_connections_as_an_administrator_allows(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[server]\nport = 0\n[logs]\nformat = "json"\n[metrics]\nport = 0\n')
    command = ("sh", "-c", f"ulimit -Sn 256; exec '{sys.executable}' -m connector serve")
    with started(command, tmp_path, {**os.environ, "PYTHONPATH": str(ROOT)}) as server:
        now, most = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
    assert now == most


def many_files() -> None:
    """Let this process, and those it starts, have a connection open for each duplicate."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < 4 * DUPLICATES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4 * DUPLICATES if hard == unlimited else min(4 * DUPLICATES, hard), hard))
