"""One simulated run of a fleet: replicas, OpsHub and its users, and bad luck."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from random import Random
from types import MappingProxyType
from typing import Any

from connector.preflight import ledger_store
from drivers.memory import MemoryDriver
from tests.simulation.fleet.climate import Climate, Seconds, drawn
from tests.simulation.fleet.clocks import DAY_ONE
from tests.simulation.fleet.cluster import Cluster, Wire
from tests.simulation.fleet.desk import Desk, DeskClient
from tests.simulation.fleet.oracle import FleetOracle
from tests.simulation.fleet.replica import OwnStore, Replica, SharedStore, settings_of
from tests.simulation.loop import SimulatedLoop
from tests.simulation.weather import Store

RECOVERS = 30.0
"""Seconds after the end of a trouble in which calls may still fail: a claim, and what was waiting meanwhile."""
FORGOTTEN = 60.0
"""Seconds in which every replica has noticed that the database has forgotten commits, and has written them again."""


class World:
    """Everything that a run shares."""

    def __init__(self, seed: int, favoured: Mapping[str, Any] = MappingProxyType({})) -> None:
        """`favoured` are values of the climate that are not drawn."""
        self.oracle = FleetOracle()
        self.dice = Random(seed)
        self.loop = SimulatedLoop(self.dice)
        self.climate: Climate = replace(drawn(self.dice), **favoured)
        self.settings = settings_of(self.climate)
        self.cluster = Cluster(self.dice, self.clock, self.oracle.broken, self._late)
        self.desk = Desk(self.dice, self.oracle.event, self.climate.travel, self.climate.bad_desk)
        self.master = self.new_store()
        """The store's server."""
        self.replicas: list[Replica] = []
        self.dead: list[Replica] = []
        self.is_over = asyncio.Event()
        """Whether OpsHub has done all that it wanted."""
        self.is_quiet = False
        """Whether nothing goes wrong any more."""
        self.troubles = 0
        """How often something went wrong on a larger scale."""
        self.last_trouble = 0.0
        """When the last one ended."""
        self.is_troubled = False
        """Whether one is going on."""
        self.is_forgotten_until = 0.0
        """Until when the database may lack what it has acknowledged."""
        self._number = 0

    @property
    def faults(self) -> int:
        """How often anything went wrong until now."""
        return self.troubles + self.cluster.faults + self.desk.faults

    def is_excused(self, began: float) -> bool:
        """Tell whether a call may fail that began then and is answered now: something goes wrong, or has just done so."""
        climate = self.climate
        is_bad = climate.bad_database or climate.bad_store or climate.bad_desk or climate.replace == "before"
        return bool(is_bad) or self.is_recovering(began)

    def is_recovering(self, began: float) -> bool:
        """Tell whether something goes wrong on a larger scale, or has done so shortly before then, as far as clients know."""
        over = max(self.last_trouble, self.cluster.silent_until)
        return self.is_troubled or (self.troubles > 0 and began <= over + RECOVERS)

    def clock(self) -> float:
        return DAY_ONE + self.loop.time()

    def new_store(self) -> Store:
        return Store(lambda: MemoryDriver("authority", MemoryDriver.Settings(), clock=self.clock))

    async def pause(self, seconds: Seconds = ()) -> None:
        """Wait for one of these times, or for as long as is usual between two calls."""
        await asyncio.sleep(self.dice.choice(seconds or self.climate.pause))

    def anywhere(self) -> Replica:
        """Return a replica that the load balancer takes for one that serves."""
        least = min(each.under_way for each in self.replicas) if self.climate.balances else math.inf
        return self.dice.choice([each for each in self.replicas if each.under_way <= least])

    def may_start(self) -> bool:
        """Tell whether a server takes this configuration."""
        return ledger_store.problem_of_sharing(self.settings.ledger, self._new_replica().store) is None

    async def start_one_more(self) -> Replica:
        """Start a replica, and wait until it serves, or is killed. One that the database does not let start is started anew."""
        replica = self._new_replica()
        self.oracle.event(f"{replica.name} starts")
        self.replicas.append(replica)
        if self.oracle.not_judged:
            self.oracle.not_judged.add(replica.name)
        while True:
            start, ends = replica.start(), [asyncio.create_task(each.wait()) for each in (replica.serves, replica.killed)]
            await asyncio.wait([start, *ends], return_when=asyncio.FIRST_COMPLETED)
            is_over = any(each.done() for each in ends)
            for each in ends:
                each.cancel()
            if is_over:
                return replica
            start.result()
            if self.oracle.violations:
                raise AssertionError(self.oracle.violations[0])  # or it would be started for ever
            replica.drivers = [*self._near(), replica.store]  # another process has a memory of its own: that one is closed
            await self.pause((1,))

    def quieten(self) -> None:
        """Let nothing go wrong any more."""
        self.is_quiet, self.desk.bad_days = True, 0
        for replica in self.replicas:
            replica.wire.bad_days = 0
            replica.store.calm()
        self.oracle.event("nothing goes wrong any more")

    async def end(self) -> None:
        """Stop all replicas."""
        for replica in self.replicas:
            replica.stop()
        for replica in (*self.dead, *self.replicas):
            await replica.bury()

    def _late(self, name: str, is_settled: bool) -> None:
        """Let go what a replica has just opened that others have taken for gone: it is closed if the database has lost it."""
        if self.loop.time() < self.is_forgotten_until:
            self.oracle.let_go(name, since=self.loop.time() - FORGOTTEN, for_good=is_settled)

    def _near(self) -> list[MemoryDriver]:
        return [MemoryDriver("memory", MemoryDriver.Settings(), clock=self.clock)] if self.climate.near else []

    def _new_replica(self) -> Replica:
        self._number += 1
        name, climate = f"r{self._number}", self.climate
        bad_store, bad_database = (0.0, 0.0) if self.is_quiet else (climate.bad_store, climate.bad_database)
        kind, master = (OwnStore, self.new_store()) if climate.own_stores else (SharedStore, self.master)
        store = kind("authority", master, self.dice, travel=climate.travel, bad_days=bad_store)
        wire, off = Wire(self.cluster, name, climate.travel, bad_database), self.dice.choice(climate.clocks)
        drivers = [*self._near(), store]
        return Replica(name, self.settings, DeskClient(self.desk), drivers, wire, self.loop, self.dice, off, climate.has_splits)
