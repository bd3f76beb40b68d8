"""A run from its seed to its verdict."""

import asyncio
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tests.simulation.fleet.clocks import in_virtual_time
from tests.simulation.fleet.oracle import FleetOracle
from tests.simulation.fleet.troubles import Troubles
from tests.simulation.fleet.users import Users
from tests.simulation.fleet.verdict import Verdict
from tests.simulation.fleet.world import World
from tests.simulation.quiet import quiet

PATIENCE = 24 * 3600.0
"""Simulated seconds after which a run must have come to its end."""


def simulate(seed: int, favoured: Mapping[str, Any] = MappingProxyType({})) -> FleetOracle:
    """Let one run happen, and return the oracle that has watched it. `favoured` are values of the climate that are not drawn."""
    world = World(seed, favoured)
    with in_virtual_time(world.loop, world.dice):
        try:
            world.loop.simulate(_run(world))
        except Exception as problem:  # noqa: BLE001 - the boundary of a run: whatever ends it is found at its seed
            world.oracle.event("".join(traceback.format_exception(problem)))
            world.oracle.broken(f"the run broke off: {problem!r}")
    for context in world.loop.unhandled:
        world.oracle.broken(f"nobody has looked at {context}")
    return world.oracle


async def _run(world: World) -> None:
    world.oracle.event(str(world.climate))
    if not world.may_start():
        world.oracle.counted["refused"] += 1
        return
    async with asyncio.timeout(PATIENCE):
        for _ in range(world.climate.replicas):
            await world.start_one_more()
        users = Users(world)
        async with asyncio.TaskGroup() as beside:
            for _ in range(world.climate.watchers):
                beside.create_task(users.watch())
            beside.create_task(Troubles(world).make())
            async with asyncio.TaskGroup() as working:
                for number in range(world.climate.sessions):
                    working.create_task(users.work(f"s{number}"))
            world.is_over.set()
        for refused in users.licence.without_a_cause():
            world.oracle.broken(f"{refused.session_id} finds no seat at {refused.answered_at:.1f}, and fewer logins may hold one")
        world.quieten()
        await Verdict(world).judge()
        await world.end()


def judged(seed: int) -> tuple[int, Sequence[str], Counter[str]]:
    """Return the seed, what the oracle found fault with, and what it has counted."""
    with quiet():
        oracle = simulate(seed)
    return seed, oracle.violations, oracle.counted
