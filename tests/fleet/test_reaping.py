"""Sessions that nobody cleans up: each replica looks for them, and one of them ends each."""

import asyncio
from dataclasses import replace
from uuid import uuid4

from tests.fleet.gates import gate_after
from tests.fleet.replicas import Fleet, eventually

LONG_AGO = 10_000
"""Ticks: longer than any session may be unused."""


async def test_a_session_that_another_replica_is_ending_is_not_reaped_once_more(fleet: Fleet) -> None:
    sessions = [str(uuid4()) for _ in range(2)]
    async with fleet.replicas() as (one, other):
        for session in sessions:
            await one.opened(session)
        await one.live.write_notes()
        fleet.desk.ending.clear()
        with gate_after(other.ledger, "idle") as listed:
            late = asyncio.create_task(other.parts.reaper.reap(LONG_AGO))
            await listed.reached.wait()
            first = asyncio.create_task(one.parts.reaper.reap(LONG_AGO))
            for _ in sessions:
                await fleet.desk.logging_out.get()
            listed.open()
            await late
        fleet.desk.ending.set()
        await first
        await eventually(lambda: not fleet.desk.alive)

    assert [*fleet.desk.logouts.values()] == [1, 1]


async def test_a_session_that_is_used_elsewhere_is_not_reaped(fleet: Fleet, session: str) -> None:
    async with replace(fleet, tick=3600).replicas() as (one, other):
        headers = await one.opened(session)
        for _ in range(5):
            await other.status(headers)
            assert await other.live.write_notes()
            now = await one.parts.reaper.pass_time()
        assert now is not None
        await one.parts.reaper.reap(now)
        status = await one.status(headers)

    assert status == 200
