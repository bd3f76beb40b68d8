"""What OpsHub does with sessions, and who calls by their seals meanwhile; what is answered is told to the oracle."""

import asyncio

from connector.cache import Cache
from connector.sessions.session import Session
from drivers import Scope, SessionScope, SystemScope
from tests.simulation.fleet.clocks import NOTE_EVERY
from tests.simulation.fleet.licence import Licence
from tests.simulation.fleet.opshub import AWAY, DEAD, NO_ANSWER, NO_SEAT, NO_SUCH, SYSTEM, OpsHub, token_of
from tests.simulation.fleet.oracle import Life
from tests.simulation.fleet.replica import TICK, Replica
from tests.simulation.fleet.world import World
from tests.simulation.oracle import Loaded, named

RESTED = TICK - NOTE_EVERY - 2
"""Seconds without use after which a session may be reaped: each use is noted some time after it."""
LOOKED = 60.0
"""Seconds in which each replica has looked which sessions were ended, however bad its database is."""
SLACK = 4.0
"""Seconds in which each replica looks for ends of others, if it can."""


class Users:
    """All of them in one run."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._oracle = world.oracle
        self._dice = world.dice
        self._climate = world.climate
        self._opshub = OpsHub()
        self.licence = Licence(world)

    async def work(self, session_id: str) -> None:
        """Do with one session what OpsHub does, and end it if it is not forgotten."""
        for _ in range(self._climate.steps):
            if self._oracle.violations:
                return
            await self._world.pause(self._climate.lasts)
            async with asyncio.TaskGroup() as at_once:
                for _ in range(2 if self._dice.random() < self._climate.races else 1):
                    at_once.create_task(self._step(session_id))
        if not self._climate.forgets or self._dice.random() < 0.5:
            await self._clean_up(session_id)

    async def watch(self) -> None:
        """Call by any seal that there is or was."""
        while not (self._world.is_over.is_set() or self._oracle.violations):
            await self._world.pause()
            lives = [life for lives in self._oracle.lives.values() for life in lives[-3:]]
            if lives:
                life = lives[-1] if self._dice.random() < 0.6 else self._dice.choice(lives)
                await self._call(life, self._world.anywhere())

    async def _step(self, session_id: str) -> None:
        is_known = session_id in self._oracle.lives
        await (self._clean_up if is_known and self._dice.random() < 0.4 else self._open)(session_id)

    async def _open(self, session_id: str) -> None:
        replica, before = self._world.anywhere(), self._oracle.lives_of(session_id)
        shown = self._dice.choice(before) if before and self._dice.random() < 0.5 else None
        received = self._oracle.event(f"{replica.name}: initialize of {session_id} received")
        self._oracle.ending(session_id)
        asked = self._opshub.begins(session_id, replica)
        self.licence.asks(asked)
        status, seal = await self._opshub.initialize(asked, shown)
        self._tell("initialize", replica, session_id, received, status)
        self._judge("initialize", status, asked.began)
        self.licence.answers(asked, status)
        if status == 200:
            now = self._world.loop.time()
            life = Life(session_id, seal, token_of(seal), received, replica.name, now, may_be_over=asked.others, used_at=now)
            self._oracle.event(f"    {life.token} is the login of {session_id}")
            self._oracle.opened(life)
            self._oracle.ended(before, received, now, for_good=now >= self._world.is_forgotten_until)
            await self._call_everywhere(session_id)
        elif status not in {NO_ANSWER, AWAY, NO_SEAT, 409}:
            self._oracle.broken(f"an initialize was answered {status}")

    async def _clean_up(self, session_id: str) -> None:
        replica, before = self._world.anywhere(), self._oracle.lives_of(session_id)
        seal = self._dice.choice(before[-2:]).seal if before and self._dice.random() < 0.9 else None
        everything = seal is not None and self._dice.random() < 0.3
        received = self._oracle.event(f"{replica.name}: cleanup of {session_id} received")
        self._oracle.ending(session_id)
        asked = self._opshub.begins(session_id, replica)
        status = await self._opshub.cleanup(asked, seal, everything=everything)
        self._tell("cleanup", replica, session_id, received, status)
        self._judge("cleanup", status, asked.began)
        if status == 200:
            scopes: list[Scope] = [SessionScope(session_id, SYSTEM), *([SystemScope(SYSTEM)] if everything else [])]
            if not self._oracle.not_judged:
                self._oracle.cleaned(received, tuple(scopes))
            self._oracle.ended(before, received, self._world.loop.time())
            await self._call_everywhere(session_id)
        elif status not in {NO_ANSWER, AWAY} and not (status == NO_SUCH and seal is None):
            self._oracle.broken(f"a cleanup was answered {status}")

    def _tell(self, what: str, replica: Replica, session_id: str, received: int, status: int) -> None:
        self._oracle.event(f"{replica.name}: {what} of {session_id}, received at {received}, is answered {status}")

    def _judge(self, what: str, status: int, began: float) -> None:
        """Count what was answered to a call, which fails only while something goes wrong, or shortly afterwards."""
        self._oracle.counted[f"{what} {status}"] += 1
        if status in {NO_ANSWER, AWAY} and not self._world.is_excused(began):
            self._oracle.broken(f"a {what} was answered {status} although nothing went wrong")

    async def _call_everywhere(self, session_id: str) -> None:
        """Call by the last seals of a session wherever anybody serves: what was answered is true everywhere."""
        async with asyncio.TaskGroup() as calls:
            for life in self._oracle.lives_of(session_id)[-2:] if self._dice.random() < 0.7 else ():
                for replica in self._world.replicas:
                    calls.create_task(self._call(life, replica))

    async def _call(self, life: Life, replica: Replica) -> None:
        was_over, began = life.over is not None, self._world.loop.time()
        is_forgotten = began < self._world.is_forgotten_until
        two_masters = replica.name in self._oracle.not_judged
        status = await self._opshub.call(replica, life, Handler(self._world, replica.name, life))
        is_just_joined = (life.over or 0) < self._oracle.joined and began < life.over_at + LOOKED
        two_masters |= replica.name in self._oracle.not_judged or is_just_joined
        self._oracle.event(f"{replica.name}: a call of {life.session_id} by {life.token} is answered {status}")
        self._judge("call", status, began)
        if is_forgotten or began < self._world.is_forgotten_until:
            return
        if status == 200 and was_over and not (two_masters and self._may_not_know(life, began)):
            self._oracle.broken(f"the dead seal of {life.token}, over since {life.over}, is served by {replica.name}")
        if status == 200:
            life.used(began, self._world.loop.time())
        if status == DEAD and not (life.may_be_over or self._may_be_reaped(life, began)):
            self._oracle.broken(f"the seal of {life.token} is refused although nobody has ended it")

    def _may_be_reaped(self, life: Life, now: float) -> bool:
        """Tell whether a session was not used for so long that the reaper may have ended it."""
        if not self._climate.reaps_in_time:
            return self._climate.forgets
        return max(life.rested, now - life.used_at) >= RESTED

    def _may_not_know(self, life: Life, began: float) -> bool:
        """Tell whether a call at the time of two masters may still serve a seal that is dead."""
        self._oracle.counted["served in the window"] += 1
        return bool(self._climate.bad_database) or began < max(life.over_at, self._world.last_trouble) + SLACK


class Handler:
    """An author's handler within one call: it reads, and stores what it has loaded."""

    def __init__(self, world: World, process: str, life: Life) -> None:
        self._world = world
        self._process = process
        self._life = life
        self._seconds = (0.01, 1, 3) if world.climate.reaps_in_time else (0, 0.01, 0.3)
        """How long a load takes."""

    async def __call__(self, session: Session) -> None:
        oracle, dice = self._world.oracle, self._world.dice
        caches: dict[Scope, Cache] = {
            SessionScope(session.session_id, SYSTEM): session.cache,
            SystemScope(SYSTEM): session.system.cache,
        }
        for scope in dice.choices([*caches], k=dice.choice((1, 2))):
            if dice.random() < 0.5:
                began = oracle.event(f"    {self._process}: load of {named(scope)} begins")
                await self._world.pause(self._seconds)
                await caches[scope].set("k", Loaded(named(scope), "k", began))
                oracle.counted["loads"] += 1
            else:
                reading = oracle.reading_of(self._process, scope, "k")
                oracle.has_found(reading, await caches[scope].get("k", Loaded), self._life)
        self._must_be_logged_in()

    def _must_be_logged_in(self) -> None:
        life, is_alive = self._life, self._world.desk.logins[self._life.token].is_alive
        if not (is_alive or life.may_be_over) and self._world.climate.reaps_in_time:
            self._world.oracle.broken(f"{life.token} is reaped under a call of {self._process}")
