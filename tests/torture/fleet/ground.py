"""What a fleet stands on: three replicas behind HAProxy, and the database and the store that they share, which all may fail."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.balancer import Balancer, balancer
from tests.drivers.stores import fresh_namespace
from tests.fleet.cable import Cable, cable
from tests.postgres import Postgres, pgbouncer, postgres_server
from tests.servers import RealServer, redis_server
from tests.torture.fleet.replicas import WITHIN, Replica
from tests.torture.fleet.troubles import Troubles
from tests.torture.life.calls import NO_TICK
from tests.torture.life.end_system import PROFILE, SEATS

CONFIG = """
[storage]
drivers = ["memory", "shared"]
[storage.shared]
driver = "aiocache"
backend = "redis"
namespace = "{namespace}"
connect_timeout = 1
operation_timeout = 1
{redis}
[end_system]
profile = "{profile}"
base_url = "{end_system}"
seats = {seats}
seats_per = "{{setting.pool}}"
login_lifetime = 31536000
[end_system.deadlines]
connect = 1
total = 2
[sessions]
idle_timeout = "off"
[ledger]
store = "postgres"
dsn_env = "LEDGER_DSN"
[metrics]
enabled = false
[control]
socket = "control.sock"
[logs]
format = "json"
level = "warning"
"""
KEYS = {"CONNECTOR_LEDGER_KEYS": f"fleet:{'k' * 42}A"}
CLOCKS = (0.0, 3600.0, -3600.0)
"""Seconds by which the clocks of the replicas are ahead."""
PATIENCE, CHECK = 6, 1.0
"""Seconds that HAProxy waits for an answer, and for that to a check."""


@dataclass(frozen=True, slots=True)
class Ground:
    """All of it, running."""

    replicas: list[Replica]
    front: Balancer
    postgres: Postgres
    database: str
    bouncer: RealServer
    redis: RealServer
    cables: Mapping[str, Cable]
    """Between the first replica and what it names."""
    troubles: Troubles
    config: str
    environ: Mapping[str, str]
    """Those of a replica whose cables are never cut."""

    async def all_up(self) -> None:
        """Wait until the load balancer sends work to each replica."""
        async with asyncio.timeout(WITHIN):
            for number in range(len(self.replicas)):
                await self.front.until(number, "UP")


@asynccontextmanager
async def ground(folder: Path, end_system: str) -> AsyncIterator[Ground]:
    """Run all of it; the replicas' folders are in `folder`."""
    async with AsyncExitStack() as stack:
        postgres, redis = stack.enter_context(postgres_server()), stack.enter_context(redis_server())
        bouncer = stack.enter_context(pgbouncer(postgres))
        targets = {"database": bouncer.port, "store": redis.port}
        cables = {name: await stack.enter_async_context(cable(port)) for name, port in targets.items()}
        database, namespace = postgres.new_database(), fresh_namespace()

        def config(port: int) -> str:
            about = {"profile": PROFILE, "end_system": end_system, "seats": SEATS, "namespace": namespace}
            return CONFIG.format(redis=f"port = {port}", **about)

        def environ(port: int) -> dict[str, str]:
            return {"LEDGER_DSN": postgres.dsn(database, port=port), **KEYS}

        ways = [(cables["store"].port, cables["database"].port), *[(redis.port, bouncer.port)] * (len(CLOCKS) - 1)]
        replicas = [
            Replica(folder / f"replica{number}", config(store), environ(ledger), NO_TICK, ahead)
            for number, ((store, ledger), ahead) in enumerate(zip(ways, CLOCKS, strict=True))
        ]
        front = stack.enter_context(balancer([replica.port for replica in replicas], patience=PATIENCE, check=CHECK))
        shared = (postgres, database, bouncer, redis, cables, Troubles())
        standing = Ground(replicas, front, *shared, config(redis.port), environ(bouncer.port))
        for replica in replicas:
            stack.push_async_callback(replica.kill)
            await replica.start()
        await standing.all_up()
        yield standing
