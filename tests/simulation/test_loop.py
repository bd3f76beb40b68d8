"""The simulated loop: virtual time, and an order that the seed decides."""

import asyncio
import time
from random import Random

import pytest

from tests.simulation.loop import SimulatedLoop, Stuck


async def hours(number: int) -> float:
    loop = asyncio.get_running_loop()
    started = loop.time()
    await asyncio.sleep(number * 3600)
    return loop.time() - started


def test_hours_pass_at_once() -> None:
    started = time.monotonic()

    assert SimulatedLoop(Random(1)).simulate(hours(1_000)) == 3_600_000
    assert time.monotonic() - started < 60


async def arrivals() -> str:
    arrived: list[str] = []

    async def walk(name: str) -> None:
        await asyncio.sleep(1)
        arrived.append(name)

    async with asyncio.TaskGroup() as walkers:
        for name in "abc":
            walkers.create_task(walk(name))
    return "".join(arrived)


def test_what_could_come_in_any_order_does_and_a_seed_repeats_it() -> None:
    orders = {seed: SimulatedLoop(Random(seed)).simulate(arrivals()) for seed in range(50)}

    assert set(orders.values()) == {"abc", "acb", "bac", "bca", "cab", "cba"}
    assert {seed: SimulatedLoop(Random(seed)).simulate(arrivals()) for seed in range(50)} == orders


async def never() -> None:
    await asyncio.Event().wait()


def test_a_deadlock_is_told() -> None:
    with pytest.raises(Stuck):
        SimulatedLoop(Random(1)).simulate(never())


async def in_time(seconds: float) -> bool:
    try:
        async with asyncio.timeout(10):
            await asyncio.sleep(seconds)
    except TimeoutError:
        return False
    return True


def test_deadlines_keep_virtual_time() -> None:
    assert SimulatedLoop(Random(1)).simulate(in_time(9.9))
    assert not SimulatedLoop(Random(1)).simulate(in_time(10.1))
