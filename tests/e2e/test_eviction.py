"""What a cleanup evicts from the stores that the server shares with other processes, and what it leaves alone."""

from pathlib import Path

import pytest

from drivers import Scope, SessionScope, SystemScope
from tests.e2e.connector_process import connector_process
from tests.e2e.opshub import OpsHub
from tests.e2e.shelf import shelf
from tests.servers import RealServer

MINE = "6f1c1d2e-0000-4000-8000-000000000001"
SCOPES: dict[str, Scope] = {
    "this session": SessionScope(MINE, "A"),
    "another session of the system": SessionScope("6f1c1d2e-0000-4000-8000-000000000010", "A"),
    "the system": SystemScope("A"),
    "a session of another system": SessionScope("6f1c1d2e-0000-4000-8000-000000000002", "A1"),
    "another system": SystemScope("A1"),
}
WITHOUT_SYSTEM: dict[str, str] = {}
NOT_GLOBAL = {"systemId": "A", "cleanupGlobalCache": "false"}
GLOBAL = {"systemId": "A", "cleanupGlobalCache": "true"}


@pytest.mark.parametrize(
    ("query", "gone"),
    [
        (WITHOUT_SYSTEM, {"this session"}),
        (NOT_GLOBAL, {"this session"}),
        (GLOBAL, {"this session", "another session of the system", "the system"}),
    ],
    ids=["without a system", "not global", "global"],
)
async def test_a_cleanup_evicts_its_session_or_system_from_every_store_and_nothing_else(
    query: dict[str, str], gone: set[str], redis: RealServer, tmp_path: Path
) -> None:
    with connector_process(tmp_path, stores(redis.port, tmp_path)) as server:
        async with OpsHub(server.url) as opshub, shelf(server.config, {}) as cached:
            await cached.put(*SCOPES.values())
            assert (await opshub.cleanup(MINE, query=query)).status == 200
            served = {name: await cached.served(scope) for name, scope in SCOPES.items()}
    assert served == {name: dict.fromkeys(("near", "sqlite"), name not in gone) for name in SCOPES}


def stores(port: int, folder: Path) -> str:
    return f"""
        [storage]
        drivers = ["memory", "near", "sqlite"]
        [storage.near]
        driver = "aiocache"
        backend = "redis"
        namespace = "{folder.name}"
        port = {port}
        [storage.sqlite]
        path = "{folder / "cache.sqlite3"}"
    """
