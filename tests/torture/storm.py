"""An end system that comes back to thousands of owed logouts, and a clock that jumps: injected time, real sockets and files."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from uuid import UUID

from connector.api.answers import answer
from connector.assembly.parts import Parts
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.preflight.loading import load
from tests.ledger.ledgers import SetClock
from tests.torture.desk import away, fine
from tests.torture.recovery import LOOK_EVERY, nothing_is_due, running
from tests.torture.world import World, world

HOUR, YEAR = 3600.0, 365 * 86_400.0
STEP = 300.0
"""Seconds by which time advances while the end system is away: the longest wait, so that each logout is tried at every step."""
LONGEST_RETURN = 1_000
"""Seconds, by the injected clock, within which all has to be done after the return."""
AT_ONCE = 100
WITHIN = 600.0


@dataclass(frozen=True, slots=True)
class Storm:
    """What the end system saw."""

    owed: int
    per_origin: int
    tries_while_away: int
    most_at_once: int
    done: int
    twice: int
    """Logouts that the end system was asked for when they were done already."""
    given_up: int
    rate: list[int]
    """Logouts in each second after the return, by the injected clock."""


async def away_for_an_hour(folder: Path, owed: int) -> Storm:
    """Have so many logouts owed for an hour, then let the end system come back."""
    clock = SetClock(time.time())
    async with world(folder) as scene, _owing(scene, clock, owed) as parts:
        for _ in range(int(HOUR / STEP)):
            await _let_pass(parts, clock, STEP)
        tries = len(scene.desk.asked) - owed
        rate: list[int] = []
        scene.desk.mood, scene.desk.most_at_once = fine, 0
        while scene.desk.alive and len(rate) < LONGEST_RETURN:
            before = scene.desk.done
            await _let_pass(parts, clock, 1.0)
            rate.append(scene.desk.done - before)
        return await _seen(scene, parts, owed, tries, rate)


async def jumping_clock(folder: Path, owed: int) -> Storm:
    """Set the clock a year ahead while the end system is away, and back again when it has returned."""
    clock = SetClock(time.time())
    async with world(folder) as scene, _owing(scene, clock, owed) as parts:
        scene.desk.most_at_once = 0
        await _let_pass(parts, clock, YEAR)
        tries = len(scene.desk.asked) - owed
        scene.desk.mood = fine
        await _let_pass(parts, clock, -YEAR)
        return await _seen(scene, parts, owed, tries, [scene.desk.done])


@asynccontextmanager
async def _owing(scene: World, clock: SetClock, owed: int) -> AsyncIterator[Parts]:
    """Run the application in this process, with the logouts of so many cleanups owed to an end system that is away."""
    scene.desk.mood, scene.desk.takes = away, 0.001
    async with running(load(scene.config, {}).settings, clock) as parts:
        numbers = iter(range(owed))
        async with asyncio.TaskGroup() as clients:
            for _ in range(AT_ONCE):
                clients.create_task(_clean_up(scene, parts, numbers))
        yield parts


async def _clean_up(scene: World, parts: Parts, numbers: Iterator[int]) -> None:
    for number in numbers:
        token = f"Bearer {number}"
        scene.desk.alive.add(token)
        credential = Credential([("Authorization", token)])
        report = await parts.orchestrator.cleanup(
            CleanupRequest(str(UUID(int=number)), "A", global_cache=False, credential=credential)
        )
        assert answer(report).status == HTTPStatus.OK


async def _let_pass(parts: Parts, clock: SetClock, seconds: float) -> None:
    """Advance the clock, and wait until all that is due by then has been tried."""
    clock.now += seconds
    parts.retries.nudge()
    async with asyncio.timeout(WITHIN):
        while True:
            if await nothing_is_due(parts.ledger, clock):
                return
            await asyncio.sleep(LOOK_EVERY)


async def _seen(scene: World, parts: Parts, owed: int, tries: int, rate: list[int]) -> Storm:
    totals = await parts.ledger.statistics()
    assert totals.owed == len(scene.desk.alive)
    return Storm(
        owed=owed,
        per_origin=load(scene.config, {}).settings.ledger.per_origin,
        tries_while_away=tries,
        most_at_once=scene.desk.most_at_once,
        done=scene.desk.done,
        twice=scene.desk.unknown,
        given_up=totals.waiting,
        rate=rate,
    )
