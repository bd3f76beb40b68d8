"""A replica: all the real parts of a server below its HTTP edge, on one model of each thing outside."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, TypeVar, cast

from connector.assembly.parts import Core, Parts, core_of, parts_of
from connector.cache import Caches, Entries, Loads
from connector.cleanups.hooks import Hooks
from connector.config.settings import Settings
from connector.endsystems.end_system import EndSystem
from connector.ledger.backoff import Backoff
from connector.ledger.bookkeeping import Bookkeeping
from connector.ledger.fingerprints import of_keys
from connector.ledger.postgres.address import Address
from connector.ledger.postgres.postgres_ledger import PostgresLedger
from connector.ledger.postgres.standstill import Standstill
from connector.model.errors import ConfigurationError
from connector.preflight.loading import Prepared
from connector.sessions.doubts import Doubts
from connector.sessions.fleet import FleetSessions
from connector.workers.other_replicas import Peers, this_process
from connector.workers.sightings import Sightings
from drivers import Capabilities, Driver, Sharing
from tests.assembly import KEYRING
from tests.simulation.fleet.climate import Climate
from tests.simulation.fleet.clocks import AHEAD, DAY_ONE
from tests.simulation.fleet.cluster import WIRE, Wire
from tests.simulation.loop import PROCESS, SimulatedLoop
from tests.simulation.weather import RemoteDriver

T = TypeVar("T")
TICK = 10.0
"""Simulated seconds between two ticks, and what the shortest idle timeout comes to."""
IDLE = 60.0
"""Seconds without a call after which a session is reaped, where OpsHub forgets some."""


class SharedStore(RemoteDriver):
    """The store that all replicas share, as one of them reaches it."""

    capabilities = Capabilities(shared=Sharing.MACHINES)


class OwnStore(RemoteDriver):
    """A store that one replica has for itself."""


def settings_of(climate: Climate) -> Settings:
    """Return the settings of all replicas."""
    return Settings.model_validate(
        {
            "end_system": {"replace": climate.replace, "seats": climate.seats},
            "ledger": {"store": "postgres", "dsn_env": "SIMULATED"},
            "sessions": {"idle_timeout": IDLE if climate.forgets else "off"},
        }
    )


@dataclass(eq=False)
class Replica:
    """One server, which can be stopped, killed, and started again as another one."""

    name: str
    settings: Settings
    end_system: EndSystem
    drivers: Sequence[Driver]
    wire: Wire
    loop: SimulatedLoop
    dice: Random
    ahead: float
    """How many seconds its clock is ahead."""
    meets: bool
    """Whether it looks for replicas that do not share what they have to: it costs much."""
    serves: asyncio.Event = field(default_factory=asyncio.Event)
    killed: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: bool = False
    """Whether it takes no calls any more."""
    is_dead: bool = False
    """Whether nothing that it has begun goes on."""
    parts: Parts = field(init=False)
    _ends: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)

    @property
    def store(self) -> RemoteDriver:
        """The store, as it reaches it."""
        store = self.drivers[-1]
        assert isinstance(store, RemoteDriver)
        return store

    @property
    def under_way(self) -> int:
        """How many calls it works on, at most."""
        return len(self._tasks)

    def begin(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Begin something in this process."""
        context = Context()
        context.run(PROCESS.set, self.name)
        context.run(WIRE.set, self.wire)
        context.run(AHEAD.set, self.ahead)
        task = self.loop.create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def start(self) -> "asyncio.Task[None]":
        """Start serving."""
        return self.begin(self._serve())

    def stop(self) -> None:
        """Ask it to finish what it does, and to end."""
        self.is_over = True
        self._ends.set()

    def kill(self) -> None:
        """Let it do nothing any more."""
        self.is_over = self.is_dead = True
        self.killed.set()
        self.loop.hold(self.name)

    async def bury(self) -> None:
        """Remove what is left of one that was killed. It reaches nothing any more."""
        self.wire.is_cut = self.store.is_cut = True
        self.loop.let_go(self.name)
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait([*self._tasks])

    async def _serve(self) -> None:
        ledger = PostgresLedger(
            cast("Address", self.wire),
            KEYRING,
            clock=self.clock,
            standstill=Standstill(clock=self.loop.time),
        )
        start = Prepared(self.settings, self.end_system, self.drivers)
        core = self._deterministic(core_of(start, KEYRING, ledger, ledger.clock, TICK))
        self.parts = self._with_luck(parts_of(core, Hooks(), sees_use=True))
        try:
            async with self.parts.running(30):
                self.serves.set()
                await self._ends.wait()
        except ConfigurationError:
            return  # the database is away

    def clock(self) -> float:
        return DAY_ONE + self.loop.time() + self.ahead

    def _deterministic(self, core: Core) -> Core:
        core.logouts.doubts = Doubts(self.loop.time)
        me = this_process(self.settings.connector.name, of_keys(KEYRING))
        peers = Peers(me, core.storage, core.ledger, Sightings(self.loop.time)) if self.meets else None
        books = Bookkeeping(core.ledger, Backoff(604_800, self.dice), core.clock, given_back=core.lines.given_back)
        kind = type(core.live)
        now = [self.loop.time] if issubclass(kind, FleetSessions) else []
        live = kind(core.ledger, core.clock, *now)
        return replace(core, books=books, live=live, peers=peers)

    def _with_luck(self, parts: Parts) -> Parts:
        caches = Caches(Entries(parts.storage, clock=self.clock, luck=self.dice.random), Loads())
        return replace(parts, served=replace(parts.served, in_use=replace(parts.served.in_use, caches=caches)))
