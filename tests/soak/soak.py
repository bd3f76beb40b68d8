"""An hour's traffic in minutes, and how the server is before and after."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from uuid import uuid4

from tests.e2e.opshub import OpsHub
from tests.sessions.desk import settings
from tests.soak.subject import Subject, Vitals, subject
from tests.soak.tracker import Tracker
from tests.soak.traffic import MIX, SYSTEM, Kind, Round, name_of

AT_ONCE = 16
FEW, MANY = 20, 2_000
"""Objects that may come and go: of requests, and in all."""
GROWTH = 8.0
"""Megabytes: the page caches of SQLite take up to two for each connection, as the files grow."""
ROUNDS_BEFORE = 3
PATIENCE = 30.0
"""Seconds for the last connection to close, and the last logout to be retried."""
LOOK_EVERY = 0.1


@dataclass(frozen=True, slots=True)
class Course:
    """How a server came through."""

    memory: dict[int, float]
    """Megabytes, by the number of requests since it was warm."""
    before: Vitals
    after: Vitals
    told: Counter[tuple[str, int]]
    alive: int
    """Logins that are open at the end; there should be none."""

    @property
    def requests(self) -> int:
        return self.told.total()

    @property
    def growth(self) -> float:
        """Megabytes."""
        first, *_, last = self.memory.values()
        return last - first

    @property
    def left(self) -> dict[str, float]:
        """What is not where it was, and how far it is from there."""
        before, after = self.before, self.after
        found = {
            "objects of requests": (after.of_requests - before.of_requests, FEW),
            "objects": (after.objects - before.objects, MANY),
            "tasks": (after.tasks - before.tasks, 0),
            "files": (after.files - before.files, 0),
            "open logins": (self.alive, 0),
            "megabytes": (self.growth, GROWTH),
        }
        return {name: number for name, (number, allowed) in found.items() if number > allowed}


async def soaked(
    checkout: Path, folder: Path, rounds: int, *, sessions: int = 0, told: Callable[[str], None] = lambda _: None
) -> Course:
    """Send so many rounds of traffic to the server of a checkout; `told` hears how it goes.

    `sessions` come and go before, and fill what remembers a few thousand of them.
    """
    async with Tracker() as tracker:
        with subject(checkout, folder, tracker.section) as server:
            await _warm_up(server, sessions)
            before = await _settled(server, tracker)
            memory, answers = {0: server.megabytes}, Counter[tuple[str, int]]()
            for number in range(ROUNDS_BEFORE, ROUNDS_BEFORE + rounds):
                answers += await _round(server, number)
                memory[answers.total()] = server.megabytes
                told(f"{answers.total():,} requests, {server.megabytes:.0f} MB")
            after = await _settled(server, tracker, before)
            return Course(memory, before, after, answers, len(tracker.alive))


async def _warm_up(server: Subject, sessions: int) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def use_once(opshub: OpsHub) -> None:
        async with turns:
            session = str(uuid4())
            headers = (await opshub.initialize(session, settings(), query=SYSTEM)).session_headers
            await opshub.call("/about", headers)
            await opshub.cleanup(session, headers, SYSTEM)

    async with OpsHub(server.url) as opshub, asyncio.TaskGroup() as calls:
        for _ in range(sessions):
            calls.create_task(use_once(opshub))
    for number in range(ROUNDS_BEFORE):
        await _round(server, number)


async def _round(server: Subject, number: int) -> Counter[tuple[str, int]]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def send(kind: Kind, here: Round) -> None:
        async with turns:
            statuses = await kind(here)
        here.told.update((name_of(kind), status) for status in statuses)

    random = Random(number)
    async with OpsHub(server.url) as opshub, AsyncExitStack() as held:
        here = Round(opshub, server.port, random, held)
        kinds = [kind for kind, times in MIX.items() for _ in range(times)]
        random.shuffle(kinds)
        async with asyncio.TaskGroup() as sending:
            for kind in kinds:
                sending.create_task(send(kind, here))
    return here.told


async def _settled(server: Subject, tracker: Tracker, before: Vitals | None = None) -> Vitals:
    """Return how the server is once nothing is under way, and, if that is known, all is as it was before."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    while True:
        found, again = await server.vitals(), await server.vitals()
        quiet = found == again and not found.connections and not tracker.alive
        if (quiet and (before is None or found.tasks <= before.tasks)) or loop.time() > end:
            return again
        await asyncio.sleep(LOOK_EVERY)
