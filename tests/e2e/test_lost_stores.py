"""Redis or memcached dies in the middle of a cleanup, and comes back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.connector_process import WITHIN, connector_process
from tests.e2e.held import HeldEndSystem
from tests.e2e.opshub import Answer, OpsHub, until_degraded
from tests.metrics.exposition import value
from tests.metrics.test_served import scraped
from tests.servers import RealServer, memcached_server, redis_server

TOKEN = {"Authorization": "Bearer t"}
SHARED_KEYS = {"CONNECTOR_LEDGER_KEYS": f"fleet:{'k' * 42}A"}
"""With Redis as the authority, no process makes keys for itself."""


@pytest.fixture(params=["redis", "memcached"])
def backend(request: pytest.FixtureRequest) -> str:
    request.getfixturevalue(f"{request.param}_binary")
    return str(request.param)


@pytest.fixture
def mortal(backend: str) -> Iterator[RealServer]:
    with redis_server() if backend == "redis" else memcached_server() as server:
        yield server


async def test_a_killed_authority_is_a_503_with_its_name_and_everything_else_is_done(
    backend: str, mortal: RealServer, session: str, tmp_path: Path
) -> None:
    config = stores(["memory", "sqlite", "shared"], backend, mortal.port)
    async with HeldEndSystem() as end_system:
        with connector_process(tmp_path, config + end_system.section, SHARED_KEYS) as server:
            async with OpsHub(server.url) as opshub, asyncio.timeout(WITHIN):
                answer = await cleanup_while_it_dies(opshub, session, end_system, mortal)
                assert (answer.status, "Retry-After" in answer.headers) == (503, True)
                assert "'shared'" in answer.body["errors"]["message"]
                assert outcomes(answer.body["errors"]["detail"]) == {
                    "logout": "verified",
                    "memory": "evicted",
                    "sqlite": "evicted",
                    "shared": "unavailable",
                }
                await comes_back(opshub, mortal)
                assert (await opshub.cleanup(session, TOKEN)).status == 200


async def test_a_killed_local_cache_is_a_200_that_reports_it_and_everything_else_is_done(
    backend: str, mortal: RealServer, session: str, tmp_path: Path
) -> None:
    config = stores(["memory", "shared", "sqlite"], backend, mortal.port)
    async with HeldEndSystem() as end_system:
        with connector_process(tmp_path, config + end_system.section, SHARED_KEYS) as server:
            async with OpsHub(server.url) as opshub, asyncio.timeout(WITHIN):
                answer = await cleanup_while_it_dies(opshub, session, end_system, mortal)
                assert answer.status == 200
                assert outcomes(answer.body) == {
                    "logout": "verified",
                    "memory": "evicted",
                    "shared": "unavailable",
                    "sqlite": "evicted",
                }
                await comes_back(opshub, mortal)


async def cleanup_while_it_dies(opshub: OpsHub, session: str, end_system: HeldEndSystem, mortal: RealServer) -> Answer:
    """Kill the store while the eviction and the logout are both under way; the logout is let go after it."""
    mortal.pause()
    async with asyncio.TaskGroup() as calls:
        cleanup = calls.create_task(opshub.cleanup(session, TOKEN))
        await end_system.asked.get()
        mortal.kill()
        await until_degraded(opshub, "shared")
        end_system.release.set()
    return cleanup.result()


async def comes_back(opshub: OpsHub, mortal: RealServer) -> None:
    """Start the store again: the server uses it without a restart of its own."""
    mortal.start()
    await until_degraded(opshub)


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    """By step: what became of it."""
    steps = {"logout": report["logout"]} | report["eviction"]
    return {name: step["outcome"] for name, step in steps.items()}


def stores(drivers: list[str], backend: str, port: int) -> str:
    return f"""
        [storage]
        drivers = {drivers}
        [storage.shared]
        driver = "aiocache"
        backend = "{backend}"
        port = {port}
    """


async def test_a_store_that_is_lost_and_comes_back_is_told_once_each(
    backend: str, mortal: RealServer, session: str, tmp_path: Path
) -> None:
    patient = "[storage.deadlines]\nping = 20\n"
    with connector_process(tmp_path, stores(["memory", "shared"], backend, mortal.port) + patient, SHARED_KEYS) as server:
        async with OpsHub(server.url) as opshub, asyncio.timeout(WITHIN):
            mortal.kill()
            answers = [(await opshub.cleanup(session)).status for _ in range(5)]
            await server.logged("the authority is down", driver="shared")
            lost = value(await scraped(server), "connector_driver_up", driver="shared")
            mortal.start()
            await server.logged("a store serves again", driver="shared")
            back = value(await scraped(server), "connector_driver_up", driver="shared")
    log = server.log.read_text()

    assert answers == [503] * 5
    assert (lost, back) == (0, 1)
    assert [log.count(event) for event in ("the authority is down", "a store serves again")] == [1, 1]
