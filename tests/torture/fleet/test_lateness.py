"""How late a machine is, as its kernel tells."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest

from tests.torture.fleet.lateness import Lateness
from tests.torture.life.calls import now

PATIENCE = 30.0
BUSY = "import os; os.sched_setaffinity(0, {{{}}})\nwhile True: pass"


@pytest.fixture
async def busy() -> AsyncIterator[int]:
    """A process that shares its processor with another one, which never waits for anything either."""
    command = BUSY.format(min(os.sched_getaffinity(0)))
    both = [await asyncio.create_subprocess_exec(sys.executable, "-c", command) for _ in range(2)]
    yield both[0].pid
    for process in both:
        process.kill()
        await process.wait()


async def test_a_process_that_has_to_share_its_processor_is_late(busy: int) -> None:
    late, began = Lateness(lambda: [busy]), now()
    async with asyncio.timeout(PATIENCE), late.watched():
        while late.between(began, now()) < 0.5:  # noqa: ASYNC110 - the kernel changes it
            await asyncio.sleep(0.05)


async def test_a_process_that_is_gone_is_not_late() -> None:
    gone = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await gone.wait()
    late, began = Lateness(lambda: [gone.pid]), now()
    late.look()
    assert late.between(began, now()) == 0.0
