"""The database as replicas reach it: a primary and what may take its place, each behind a network with bad days."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

import psycopg

from connector.ledger.postgres.standstill import CLAIM
from drivers.threads import ThreadOfItsOwn
from tests.simulation.fleet.nodes import Node
from tests.simulation.fleet.postgres import Connection, Fate

T = TypeVar("T")

GIVEN_UP = (0.5, 3, 20)
"""Seconds until a client takes a connection for broken whose server says nothing."""
SILENT = 0.5
"""The share of fail-overs after which the server before says nothing to a client."""


class Cluster:
    """A primary with its standby. A client that connects finds whichever node its network leads to."""

    def __init__(
        self, dice: Random, clock: Callable[[], float], told: Callable[[str], None], late: Callable[[str, bool], None]
    ) -> None:
        """`told` hears of what the model does not understand, `late` of a client that others have taken for gone.

        It is told whether they count as written again all that was known.
        """
        self.dice = dice
        self.told = told
        self.late = late
        self.primary = Node(dice, clock)
        self.former: Node | None = None
        """One that was primary before, and takes itself for it."""
        self.goes_on = asyncio.Event()
        """Whether it works at all."""
        self.goes_on.set()
        self.faults = 0
        self.silent_until = 0.0
        """Until when a client may wait for a server that says nothing."""
        self._others_side: set[str] = set()

    def node_of(self, client: str) -> Node:
        """Return the node that a client reaches."""
        return self.former if self.former is not None and client in self._others_side else self.primary

    def fail_over(self, stay: Sequence[str]) -> None:
        """Promote the standby, which has every commit that was acknowledged. Some clients stay with the former primary."""
        self.former, self.primary = self.primary, self.primary.standby(self.dice)
        self.former.acknowledges = False
        self._others_side = {*stay}

    def lose(self, standby: Node) -> Node:
        """Promote a standby that lacks the last commits, and return the node that is down from now on."""
        down, self.primary = self.primary, standby
        down.is_there = False
        return down

    def come_back(self, node: Node) -> None:
        """Let a node be the primary again that was down, in the place of the one that was promoted."""
        self.primary.is_there, node.is_there = False, True
        self.primary = node

    def heal(self) -> None:
        """End the former primary."""
        if self.former is not None:
            self.former.is_there = False
            self.former = None


@dataclass(eq=False)
class Wire:
    """The way of one replica to the database; it stands for the address."""

    cluster: Cluster
    client: str
    travel: Sequence[float]
    bad_days: float
    """The share of transactions whose connection breaks, at one place or another."""
    is_cut: bool = False
    connection: Connection | None = None

    def __str__(self) -> str:
        return "the model of PostgreSQL"

    def connect(self) -> Any:
        node = self.cluster.node_of(self.client)
        if self.is_cut or not node.is_there:
            raise psycopg.OperationalError("connection failed: Connection refused")
        self.connection = Connection(node, self._fate, self.cluster.told)
        return self.connection

    async def carry(self, work: Callable[[], T]) -> T:
        """Do the work of a transaction. A caller that goes away does not stop it."""
        task = asyncio.get_running_loop().create_task(self._carried(work))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    def break_connection(self) -> None:
        """Have the connection be broken at its next use."""
        if self.connection is not None:
            self.connection.closed = True

    async def _carried(self, work: Callable[[], T]) -> T:
        await self._travel()
        if not self.cluster.goes_on.is_set():
            await self.cluster.goes_on.wait()
        if self.is_cut or (self.connection is not None and self.connection.node is not self.cluster.node_of(self.client)):
            await self._notice()
        try:
            return work()
        finally:
            if self.connection is not None and self.connection.closed and not self.is_cut:
                await self._give_up(self.connection.node)
            await self._travel()

    async def _notice(self) -> None:
        """Find the server gone, at once or after a while in which it says nothing."""
        gone = None if self.connection is None else self.connection.node
        self.break_connection()
        if not self.is_cut and self.cluster.dice.random() < SILENT:
            await self._give_up(gone)

    async def _give_up(self, gone: Node | None) -> None:
        """Wait as long as a client does until it gives a server up. After a long wait, others have taken it for gone."""
        pause = self.cluster.dice.choice(GIVEN_UP)
        self.cluster.silent_until = max(self.cluster.silent_until, asyncio.get_running_loop().time() + pause)
        await asyncio.sleep(pause)
        if pause > CLAIM:
            node = self.cluster.node_of(self.client)
            self.cluster.late(self.client, gone is not None and node.timeline > gone.timeline and node.is_settled)

    async def _travel(self) -> None:
        await asyncio.sleep(self.cluster.dice.choice(self.travel))

    def _fate(self) -> Fate:
        dice = self.cluster.dice
        if not self.bad_days or dice.random() >= self.bad_days:
            return Fate()
        self.cluster.faults += 1
        return dice.choice(
            [
                Fate(breaks_before=dice.randrange(12)),
                Fate(commit_is_lost=True),
                Fate(answer_is_lost=True),
                Fate(answer_is_lost=True),
                Fate(is_warned=True),
            ]
        )


WIRE: ContextVar[Wire] = ContextVar("WIRE")


class NoThread(ThreadOfItsOwn):
    """Stands in for the thread of transactions: what it does at once is one moment of a serial database."""

    async def run(self, work: Callable[[], T]) -> T:
        """Carry the work along the wire of the replica that is running."""
        return await WIRE.get().carry(work)
