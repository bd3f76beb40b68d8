"""Patience: seconds of waiting that end, and that do not count while the process is stopped."""

import asyncio
import time
from random import Random
from socket import socketpair

import pytest

from connector.runtime import deadline
from connector.runtime.deadline import Patience
from tests.doubles import hang
from tests.simulation.loop import SimulatedLoop


def simulated_seconds(*waits: float, patience: float) -> list[float]:
    """How long each of these waits lasts that follow each other under one patience."""
    loop = SimulatedLoop(Random(1))
    lasted = []

    async def wait_all() -> None:
        shared = Patience(patience)
        for seconds in waits:
            began = loop.time()
            try:
                async with shared.kept():
                    await asyncio.sleep(seconds)
            finally:
                lasted.append(loop.time() - began)

    try:
        loop.simulate(wait_all())
    except TimeoutError:
        lasted.append(-1)
    return lasted


def test_what_ends_in_time_is_left_alone() -> None:
    assert simulated_seconds(9.5, patience=10) == [9.5]


def test_what_takes_longer_is_broken_off() -> None:
    assert simulated_seconds(60, patience=10) == [10, -1]


def test_waits_that_follow_each_other_share_one_patience() -> None:
    assert simulated_seconds(6, 60, patience=10) == [6, 4, -1]


def test_no_patience_at_all_breaks_off_what_waits() -> None:
    assert simulated_seconds(60, patience=0) == [0, -1]


def stop_this_process(seconds: float) -> None:
    """Nothing of it runs, and time passes: as by SIGSTOP, which would stop the test as well."""
    time.sleep(seconds)


async def test_what_came_while_the_process_was_stopped_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "TICK", 0.05)
    ours, theirs = socketpair()
    with ours, theirs:
        ours.setblocking(False)
        async with Patience(0.1).kept():
            theirs.send(b"answer")
            stop_this_process(0.5)
            assert await asyncio.get_running_loop().sock_recv(ours, 6) == b"answer"


async def test_a_stop_uses_up_no_patience_and_what_never_comes_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadline, "TICK", 0.05)

    async def stop_and_hang() -> None:
        async with Patience(0.1).kept():
            stop_this_process(0.5)
            await hang()

    with pytest.raises(TimeoutError):
        await stop_and_hang()
