"""OpsHub's side: clients before a load balancer, which wait a little after an answer that tells them to."""

import asyncio
from collections.abc import Awaitable
from random import Random

from tests.e2e.opshub import Answer, OpsHub
from tests.torture.life.calls import Call
from tests.torture.life.clients import Caller, Crowd
from tests.torture.life.end_system import EndSystem

GONE = "gone"
"""The word for a client that has not waited for its answer."""
AT_ONCE = 10
CALLS_EACH = 4
"""Calls that a client makes at once, at most."""
REST = 0.25
"""Seconds until a client goes on after a failure."""


class BalancedCaller(Caller):
    """Calls a fleet. An answer of the load balancer's own is none."""

    async def _answered(self, call: Call, asked: Awaitable[Answer], patience: float | None = None) -> Answer | None:
        answer = await super()._answered(call, asked, patience)
        if answer is None and patience is not None:
            call.word = GONE
        elif answer is None or answer.status == 503:
            await asyncio.sleep(REST)
        return answer


def crowd_of(opshub: OpsHub, system: EndSystem, random: Random) -> Crowd:
    """Return clients of a fleet."""
    crowd = Crowd(BalancedCaller(opshub, system), random)
    crowd.up.set()
    return crowd
