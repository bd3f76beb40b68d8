"""A server whose Redis cannot hold the entries does not start: it says why in one line, and whether a later start may succeed."""

from pathlib import Path

from connector.cli.options import EXIT_CONFIGURATION, EXIT_NOT_NOW
from tests.cli.command import Ended, connector
from tests.ports import free_port
from tests.servers import RealServer, redis_server
from tests.sessions.served import KEYS


async def started(folder: Path, port: int) -> Ended:
    (folder / "config.toml").write_text(
        f"""
[storage]
drivers = ["shared"]
[storage.shared]
driver = "aiocache"
backend = "redis"
port = {port}
[server]
port = 0
[metrics]
port = 0
"""
    )
    return await connector("serve", folder=folder, environ=KEYS)


async def test_a_supervisor_may_try_again_while_the_address_leads_to_a_replica(tmp_path: Path, redis: RealServer) -> None:
    """It may be a name that is the new master's once a fail-over is over."""
    with redis_server("--replicaof", "127.0.0.1", str(redis.port)) as replica:
        ended = await started(tmp_path, replica.port)

    assert ended.exit_code == EXIT_NOT_NOW
    assert "takes no writes; expected its master" in ended.err


async def test_a_node_of_a_cluster_never_becomes_a_server_that_holds_all_keys(tmp_path: Path) -> None:
    with redis_server("--cluster-enabled", "yes", "--cluster-port", str(free_port())) as node:
        ended = await started(tmp_path, node.port)

    assert ended.exit_code == EXIT_CONFIGURATION
    assert "is a node of a cluster; expected a server that holds all keys" in ended.err
