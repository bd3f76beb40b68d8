"""Servers that follow one another, each with a life as it is planned, while clients go on calling."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.torture.life.calls import CROWDED, ENDED_ITSELF, PAUSED, TICK, End, Life, now
from tests.torture.life.clients import Crowd
from tests.torture.life.disk import Disk
from tests.torture.life.faults import Fault, Wrong
from tests.torture.life.history import History
from tests.torture.life.listening import Listening
from tests.torture.life.plans import Changes, Event, Fill, Free, Pause, Plan
from tests.torture.process import ServerProcess

ENDS_WITHIN = 45.0
"""Seconds that a server may take to end by itself, on a busy machine."""


class Scene:
    """Servers that follow one another, each by a plan of its own."""

    def __init__(self, server: ServerProcess, place: Listening, disk: Disk, crowd: Crowd, mutant: str | None) -> None:
        self.server = server
        self.place = place
        self.disk = disk
        self.crowd = crowd
        self.lives: list[Life] = []
        self.faults: list[Fault] = []
        self.happened = Counter[str]()
        """How often a server was ended in which way, paused, or short of room."""
        self._mutant = mutant
        self._full_since: float | None = None
        self._crowded: list[tuple[float, float]] = []

    @property
    def ledger(self) -> Path:
        """Where the servers keep it."""
        return self.disk.folder / "ledger.sqlite3"

    @property
    def kills(self) -> int:
        return sum(life.killed for life in self.lives)

    def history(self, **in_the_end: Any) -> History:
        """Return all that was seen so far, and what was found `in_the_end`."""
        system = self.place.system
        return History(
            self.crowd.caller.calls,
            [*self.lives],
            [*system.logins],
            crowded=[*self._crowded],
            closed=[*self.place.closed],
            beyond=[*system.beyond],
            broken_off={*system.broken_off},
            **in_the_end,
        )

    async def live(self, plan: Plan) -> None:
        """Start a server, let happen what is planned, and see it dead."""
        life = self._begun(str(plan))
        if await self._started(plan):
            self.crowd.up.set()
            await self._happen(plan)
            await self._end(plan.end, plan.span / 4)
        self.crowd.up.clear()
        await self._over(life, plan.end)

    @asynccontextmanager
    async def acting(self, what: str, end: End, **how: Any) -> AsyncIterator[None]:
        """Let a server live for as long as the context is open, and see it dead. `how` is as for `live_here`."""
        life = self._begun(what, how.get("tick", TICK))
        await self.server.start(mutant=self._mutant, **how)
        try:
            yield
        finally:
            await self._end(end)
            await self._over(life, end)

    def _begun(self, what: str, tick: float = TICK) -> Life:
        self.lives.append(Life(what, now(), tick=tick))
        return self.lives[-1]

    async def _over(self, life: Life, end: End) -> None:
        life.killed = self.server.exit_code == -signal.SIGKILL
        self.happened[end if life.killed or end is End.STOPPED else ENDED_ITSELF] += 1
        if self.server.exit_code not in {-signal.SIGKILL, 0}:
            self.faults.append(Fault(Wrong.DEFECT, f"a server ended with {self.server.exit_code}: {life.plan}"))
        await self._nothing_on_its_way()
        life.died = now()

    async def _started(self, plan: Plan) -> bool:
        """Start a server; False if it has killed itself at its failpoint before it listened."""
        try:
            await self.server.start(plan.failpoint, mutant=self._mutant)
        except RuntimeError as problem:
            if plan.failpoint is not None and await self.server.ended():
                return False
            raise RuntimeError(f"{plan}: {problem}") from problem
        return True

    async def _happen(self, plan: Plan) -> None:
        """Let everything happen in its time, as long as the server lives."""
        up = now()
        for event in plan.events:
            if await self.server.gone_within(up + event.at - now()):
                return
            await self._let(event)
        await self.server.gone_within(up + plan.span - now())

    async def _let(self, event: Event) -> None:
        match event:
            case Changes(regime=regime):
                await self.place.behave(regime)
            case Pause(seconds=seconds):
                self.happened[PAUSED] += 1
                await self._pause(seconds)
            case Fill():
                self.fill()
            case Free():
                self.free()

    async def _pause(self, seconds: float) -> None:
        started = now()
        self.server.send(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.server.send(signal.SIGCONT)
        self.lives[-1].pauses.append((started, now()))

    def fill(self) -> None:
        """Leave no room on the disk."""
        self.happened[CROWDED] += 1
        self._full_since = now()
        self.disk.fill()

    def free(self) -> None:
        """Make room on the disk, if there is none."""
        self.disk.free()
        if self._full_since is not None:
            self._crowded.append((self._full_since, now()))
            self._full_since = None

    async def _end(self, end: End, stops_for: float = 0.0) -> None:
        """End the server so, unless it is gone by now; who has to wait for it, waits for its own deadlines at most."""
        match end:
            case End.KILLED_PAUSED:
                self.server.send(signal.SIGSTOP)
            case End.KILLED_STOPPING:
                self.server.send(signal.SIGTERM)
                await self.server.gone_within(stops_for)
            case End.STOPPED:
                self.free()
                self.server.send(signal.SIGTERM)
                if not await self.server.gone_within(ENDS_WITHIN):
                    self.faults.append(Fault(Wrong.DEFECT, f"a server does not end: {self.lives[-1].plan}"))
        await self.server.kill()

    async def _nothing_on_its_way(self) -> None:
        """Wait until the end system has seen whatever the dead server had sent: it takes connections in their order."""
        with suppress(aiohttp.ClientError):
            async with aiohttp.ClientSession() as http, http.get(f"{self.place.url}/nothing"):
                pass
