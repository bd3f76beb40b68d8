"""One run: clients call a fleet while one thing after the other is done to it; then everything is ended, and judged."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from random import Random
from time import monotonic

from tests.e2e.opshub import OpsHub
from tests.torture.fleet.clients import AT_ONCE, crowd_of
from tests.torture.fleet.ending import ended
from tests.torture.fleet.ground import Deployment, Ground, ground
from tests.torture.fleet.happenings import Happening
from tests.torture.fleet.judging import Verdict, judged
from tests.torture.fleet.logs import defects_in
from tests.torture.life.calls import Call
from tests.torture.life.listening import listening
from tests.torture.life.logins import Way
from tests.torture.life.orders import Habits
from tests.torture.life.stories import stories

QUIET = (2.0, 4.0)
"""Seconds of undisturbed work after a thing is over for all."""
SHOWN = 60
NO_ANSWER = "none"
REFRESHED = Habits(Way.REFRESH, 0.5, 0.0)
"""Nobody knows the order of cookies that two replicas are given at once; a refresh is made by one at a time."""
AT_THE_END, GOING = "the clients go", 15.0
Tell = Callable[[str], None]


@dataclass(slots=True)
class Run:
    """What was done, and what came of it."""

    deployment: str
    """The name of what the fleet stood on."""
    seed: int
    seconds: float = 0.0
    happened: Counter[str] = field(default_factory=Counter)
    calls: dict[str, Counter[str]] = field(default_factory=dict)
    """By what was asked for: how it was answered."""
    verdict: Verdict = field(default_factory=Verdict)
    troubles: list[str] = field(default_factory=list)
    stories: list[str] = field(default_factory=list)
    """All that is known of the sessions of the first faults."""


async def ran(
    folder: Path, deployment: Deployment, seed: int, *, minutes: float = 0.0, only: str = "", told: Tell = lambda _: None
) -> Run:
    """Let each thing happen at least once after what the ground begins with, and go on for so many minutes.

    `told` hears how it goes. `only` is a part of the names of what is to happen.
    """
    random, run, began = Random(seed), Run(deployment.name, seed), monotonic()
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(listening(Random(seed + 1)))
        standing = await stack.enter_async_context(ground(folder, place.url, deployment))
        opshub = await stack.enter_async_context(OpsHub(standing.url))
        happenings = [happening for happening in standing.happenings if only in happening.what]
        place.system.habits = REFRESHED
        crowd = crowd_of(opshub, place.system, random)
        async with crowd.calling(AT_ONCE):
            for happening in chain(standing.beginning, _drawn(random, happenings, until=began + 60 * minutes)):
                told(f"{monotonic() - began:.0f} s, {len(crowd.caller.calls):,} calls: {happening.what}")
                await _let(standing, happening, random)
                run.happened[happening.what] += 1
            going = standing.troubles.begun(AT_THE_END, GOING)
        going.ended = going.began
        history = await ended(folder, standing, place, crowd)
    run.troubles = [str(trouble) for trouble in standing.troubles.all]
    run.verdict, run.calls = judged(history), _answers(history.calls)
    run.verdict.faults += defects_in(folder)
    run.stories, run.seconds = [*stories(history, run.verdict.faults)], monotonic() - began
    return run


def _drawn(random: Random, happenings: Sequence[Happening], *, until: float) -> Iterator[Happening]:
    """Yield all of them in any order, and again as long as there is time."""
    while True:
        yield from random.sample(happenings, len(happenings))
        if monotonic() > until:
            return


async def _let(standing: Ground, happening: Happening, random: Random) -> None:
    """Let it happen, and leave the fleet in peace for a while when nobody may notice it any more."""
    if happening.recovers is None:
        await happening.do(random)
    else:
        with standing.troubles.made(happening.what, happening.recovers):
            await happening.do(random)
        await asyncio.sleep(happening.recovers)
    await asyncio.sleep(random.uniform(*QUIET))


def _answers(calls: Sequence[Call]) -> dict[str, Counter[str]]:
    return {
        kind: Counter(str(call.status or NO_ANSWER) for call in calls if call.kind == kind)
        for kind in {call.kind.value for call in calls}
    }


def said(run: Run) -> str:
    """Return what somebody needs to know who has to find out what went wrong."""
    kinds = Counter(fault.wrong.value for fault in run.verdict.faults)
    faults = [f"{fault.wrong}: {fault.what}" for fault in run.verdict.faults[:SHOWN]]
    return "\n".join([f"{run.deployment}, seed {run.seed}: {dict(kinds)}", *faults, "", *run.troubles, "", *run.stories])
