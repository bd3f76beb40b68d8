"""What goes wrong on a larger scale: with replicas, with the database, and with the store."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from tests.simulation.fleet.replica import Replica
from tests.simulation.fleet.world import FORGOTTEN, World

NEWCOMERS = 2
"""How many replicas there may be beyond those that a run begins with."""


class Troubles:
    """Makes them, one after the other."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._dice = world.dice
        self._tell = world.oracle.event
        self._kinds: Mapping[str, Callable[[], Awaitable[None]]] = {
            "kill": self._kill,
            "pause": self._pause,
            "break": self._break,
            "stall": self._stall,
            "fail over": self._fail_over,
            "lose": self._lose,
            "away": self._be_away,
            "forget": self._forget,
            "split": self._split,
            "cut": self._cut,
            "join": self._join,
        }
        self._beside = asyncio.TaskGroup()
        """What goes on beside the trouble that is being made."""

    async def make(self) -> None:
        """Make as many as the climate has, as long as OpsHub works."""
        async with self._beside:
            for _ in range(self._world.climate.troubles):
                await self._world.pause((0.1, 1, 5))
                if not self._world.is_over.is_set():
                    self._world.troubles += 1
                    self._world.is_troubled = True
                    await self._kinds[self._dice.choice(self._world.climate.mischief)]()
                    self._world.is_troubled, self._world.last_trouble = False, self._world.loop.time()

    async def _kill(self) -> None:
        self._end(self._world.anywhere())
        if not self._world.replicas:
            await self._world.start_one_more()
        await self._world.pause((0.1, 3))
        await self._world.start_one_more()

    def _end(self, replica: Replica) -> None:
        self._tell(f"{replica.name} is killed")
        self._world.troubles += replica.under_way  # each may be a login of which nobody knows what it has made
        replica.kill()
        self._world.dead.append(replica)
        self._world.replicas.remove(replica)

    async def _join(self) -> None:
        """Start one more replica, which may be killed soon: it knows nothing that the database has forgotten."""
        newcomer = await self._world.start_one_more()
        await self._world.pause((0.1, 3, 20))
        if len(self._world.replicas) > self._world.climate.replicas + NEWCOMERS or self._dice.random() < 0.5:
            self._end(newcomer)

    def _may_join(self) -> None:
        """Start one more replica beside a fail-over, at times: it may look before the others do."""
        is_room = len(self._world.replicas) < self._world.climate.replicas + NEWCOMERS
        if is_room and self._dice.random() < self._world.climate.joins:
            self._beside.create_task(self._joined_soon())

    async def _joined_soon(self) -> None:
        await self._world.pause((0, 0, 0.1, 1))
        await self._world.start_one_more()

    async def _pause(self) -> None:
        replica = self._world.anywhere()
        self._tell(f"{replica.name} is stopped")
        self._world.loop.hold(replica.name)
        await self._world.pause((0.5, 4, 30))
        self._tell(f"{replica.name} goes on")
        self._world.loop.let_go(replica.name)

    async def _break(self) -> None:
        self._tell("the database ends all connections")
        for replica in self._world.replicas:
            replica.wire.break_connection()

    async def _stall(self) -> None:
        self._tell("the database stands still")
        self._world.cluster.goes_on.clear()
        await self._world.pause((1, 15, 40))
        self._tell("the database goes on")
        self._world.cluster.goes_on.set()

    async def _fail_over(self) -> None:
        stay = [replica.name for replica in self._world.replicas if self._dice.random() < 0.5]
        self._tell(f"the database fails over; with the former primary stay {stay}")
        self._world.cluster.fail_over(stay)
        self._may_join()
        await self._world.pause((1, 5, 20))
        self._tell("the former primary is ended")
        self._world.cluster.heal()

    async def _lose(self) -> None:
        """Fail over to a standby that lacks the last commits; at times, the former primary comes back afterwards."""
        world, standby = self._world, self._world.cluster.primary.standby(self._dice)
        self._tell("the standby gets nothing any more")
        await world.pause((0.1, 1, 5))
        down = world.cluster.lose(standby)
        world.is_forgotten_until = world.loop.time() + FORGOTTEN
        self._tell("the standby is promoted, and lacks the last commits")
        self._may_join()
        await world.pause((1, 5, 20))
        if self._dice.random() < 0.3:
            world.cluster.come_back(down)
            world.troubles += 1
            world.is_forgotten_until = world.loop.time() + FORGOTTEN
            self._tell("the former primary comes back, and takes its place again")
            self._may_join()
            await world.pause((1, 5))

    async def _be_away(self) -> None:
        self._tell("the store is away")
        self._world.master.away = True
        await self._world.pause((0.1, 2, 20))
        self._tell("the store is back")
        self._world.master.away = False

    async def _forget(self) -> None:
        self._tell("the store has lost everything")
        self._world.master.restart()

    async def _cut(self) -> None:
        replica = self._world.anywhere()
        self._tell(f"{replica.name} is cut off from the store")
        replica.store.is_cut = True
        await self._world.pause((0.5, 3, 20))
        self._tell(f"{replica.name} reaches the store again")
        replica.store.is_cut = False

    async def _split(self) -> None:
        """Let a second master be beside the first, which forgets all that it has once it is found out."""
        world, former = self._world, self._world.master
        world.master = world.new_store()
        others = [replica for replica in world.replicas if self._dice.random() < 0.5]
        for replica in world.replicas:
            replica.store.store = former if replica in others else world.master
        world.oracle.not_judged |= {replica.name for replica in world.replicas}
        self._tell(f"another master beside that of {[replica.name for replica in others]}")
        await world.pause((1, 6, 12))
        if self._dice.random() < 0.5:  # as `min-replicas-to-write` has it
            self._tell("the former master serves nobody")
            former.away = True
            await world.pause((1, 5))
        for replica in others:
            replica.store.store = world.master
        world.oracle.joined = world.oracle.event("there is one master")
        world.oracle.not_judged.clear()
