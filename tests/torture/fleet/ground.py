"""What a fleet stands on: three replicas behind HAProxy, and the database and the store that they share."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.balancer import balancer
from tests.drivers.stores import fresh_namespace
from tests.torture.fleet.databases import Database, one_postgres
from tests.torture.fleet.happenings import Happening
from tests.torture.fleet.lateness import Lateness
from tests.torture.fleet.replicas import Replica
from tests.torture.fleet.restarts import Restarts
from tests.torture.fleet.stores import Store, one_redis, redis_with_sentinels
from tests.torture.fleet.troubles import Troubles
from tests.torture.life.calls import NO_TICK
from tests.torture.life.end_system import PROFILE, SEATS
from tests.torture.life.unused import IDLE, SEAT_IDLE

CONFIG = """
[storage]
drivers = ["memory", "shared"]
[storage.shared]
driver = "aiocache"
backend = "redis"
namespace = "{namespace}"
connect_timeout = 1
operation_timeout = 1
{store}
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
idle_timeout = {idle}
seat_idle = {seat_idle}
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
LIMITS = {"seats": SEATS, "idle": IDLE, "seat_idle": SEAT_IDLE}
KEYS = {"CONNECTOR_LEDGER_KEYS": f"fleet:{'k' * 42}A"}
CLOCKS = (0.0, 3600.0, -3600.0)
"""Seconds by which the clocks of the replicas are ahead."""
PATIENCE, CHECK = 6, 3.0
"""Seconds that HAProxy waits for an answer, and for that to a check."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a fleet may stand on."""

    name: str
    database: Callable[[], AbstractAsyncContextManager[Database]]
    store: Callable[[], AbstractAsyncContextManager[Store]]
    tick: float = NO_TICK
    """Seconds that count as a minute of idle time."""
    begins_older: bool = False
    """Whether its replicas are of an earlier version until a rolling upgrade, which is the first thing that is done."""


PLAIN = Deployment("one PostgreSQL and one Redis", one_postgres, one_redis, begins_older=True)
WATCHED = Deployment("one PostgreSQL, and a Redis with three Sentinels", one_postgres, redis_with_sentinels, tick=3.0)


@dataclass(frozen=True, slots=True)
class Ground:
    """All of it, running."""

    url: str
    restarts: Restarts
    store: Store
    database: Database
    troubles: Troubles
    lateness: Lateness
    deployment: Deployment
    config: str
    environ: Mapping[str, str]
    """Those of a replica that nothing is done to."""

    @property
    def beginning(self) -> Sequence[Happening]:
        """What is done before all else, and never again."""
        return [self.restarts.upgrade] if self.deployment.begins_older else []

    @property
    def happenings(self) -> Sequence[Happening]:
        """All that may be done, as often as there is time."""
        return [*self.restarts.happenings, *self.store.happenings, *self.database.happenings]


@asynccontextmanager
async def ground(folder: Path, end_system: str, deployment: Deployment) -> AsyncIterator[Ground]:
    """Run all of it; the replicas' folders are in `folder`."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(deployment.database())
        store = await stack.enter_async_context(deployment.store())
        about = {"profile": PROFILE, "end_system": end_system, "namespace": fresh_namespace(), **LIMITS}
        configs = [CONFIG.format(store=store.lines(number), **about) for number in range(len(CLOCKS))]
        environs = [{"LEDGER_DSN": database.dsn(number), **KEYS} for number in range(len(CLOCKS))]
        replicas = [
            Replica(folder / f"replica{number}", config, environ, deployment.tick, ahead, is_older=deployment.begins_older)
            for number, (config, environ, ahead) in enumerate(zip(configs, environs, CLOCKS, strict=True))
        ]
        front = stack.enter_context(balancer([replica.port for replica in replicas], patience=PATIENCE, check=CHECK))
        restarts = Restarts(replicas, front)
        for replica in replicas:
            stack.push_async_callback(replica.kill)
            await replica.start()
        await restarts.all_up()
        late = Lateness(restarts.processes)
        async with late.watched():
            yield Ground(front.url, restarts, store, database, Troubles(), late, deployment, configs[-1], environs[-1])
