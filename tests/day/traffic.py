"""OpsHub's side of the day: a session logs in, is used for a while and is cleaned up; one in ten is forgotten."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Self
from uuid import UUID

import aiohttp

from tests.e2e.opshub import Answer, OpsHub
from tests.sessions.desk import settings

SYSTEMS = 100
FORGOTTEN = 10
"""One session in so many is never cleaned up."""
FIRST, LAST = 4 * 60.0, 20 * 60.0
"""Minutes of the day between which sessions begin."""
PAUSE = 20.0
"""Minutes between two calls of a session, at most: less than it may be idle."""
AGAIN = 5.0
"""Minutes until a login or a cleanup that found nobody is tried again."""
AT_ONCE = 16
"""Calls of a kind that are under way at a time, so that a slow machine has a late day and no storm."""
INITIALIZE, CALL, CLEANUP = "initializes", "calls", "cleanups"
NO_ANSWER = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to one session."""

    session: str
    system: str
    begins: float
    """At which minute of the day."""
    pauses: tuple[float, ...]
    """Minutes before each of its calls, and before its cleanup."""
    is_forgotten: bool


def plans(number: int, random: Random) -> Iterator[Plan]:
    """Yield the sessions of a day."""
    for place in range(number):
        pauses = tuple(random.uniform(0.5, PAUSE) for _ in range(random.randint(2, 3)))
        begins = random.uniform(FIRST, LAST)
        yield Plan(str(UUID(int=place + 1)), f"system-{place % SYSTEMS}", begins, pauses, place % FORGOTTEN == 0)


class Traffic:
    """Makes the calls of the day. They wait while the gate is closed."""

    def __init__(self, url: str, minute: float) -> None:
        """Take the server's address, and how many seconds a minute of the day takes."""
        self.told = Counter[tuple[str, int]]()
        """How often each kind of call was answered how."""
        self.minute = minute
        self._url = url
        self._gate = asyncio.Event()
        self._turns = {kind: asyncio.Semaphore(AT_ONCE) for kind in (INITIALIZE, CALL, CLEANUP)}
        self._under_way = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def __aenter__(self) -> Self:
        self._opshub = await OpsHub(self._url).__aenter__()
        self._gate.set()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opshub.__aexit__(None, None, None)

    async def pause(self) -> None:
        """Make no calls any more, and close all connections once those under way are answered."""
        self._gate.clear()
        await self._quiet.wait()
        await self.__aexit__()

    async def go_on(self) -> None:
        """Make calls again."""
        await self.__aenter__()

    async def live(self, plan: Plan) -> None:
        """Do what is planned, as OpsHub does it: an answer 401 makes it log in anew, and a 403 or 503 wait."""
        headers = await self._logged_in(plan)
        for pause in plan.pauses[:-1]:
            await self._wait(pause)
            answer = await self._asked(CALL, partial(OpsHub.call, path="/me", headers=headers))
            if answer is not None and answer.status == 401:
                headers = await self._logged_in(plan)
        await self._wait(plan.pauses[-1])
        while not plan.is_forgotten:
            answer = await self._asked(
                CLEANUP, partial(OpsHub.cleanup, session=plan.session, headers=headers, query=_query(plan))
            )
            if answer is not None and answer.status == 200:
                break
            await self._wait(AGAIN)

    async def _logged_in(self, plan: Plan) -> dict[str, str]:
        """Log in until it works, and return what OpsHub sends along from then on."""
        while True:
            initialize = partial(OpsHub.initialize, session=plan.session, settings=settings(), query=_query(plan))
            answer = await self._asked(INITIALIZE, initialize)
            if answer is not None and answer.status == 200:
                return answer.session_headers
            await self._wait(AGAIN)

    async def _wait(self, minutes: float) -> None:
        await asyncio.sleep(minutes * self.minute)

    async def _asked(self, kind: str, ask: Callable[[OpsHub], Awaitable[Answer]]) -> Answer | None:
        """Return the answer; None if nobody listens, or the server was killed meanwhile."""
        await self._gate.wait()
        async with self._turns[kind], self._counted():
            try:
                answer = await ask(self._opshub)
            except aiohttp.ClientError:
                answer = None
        self.told[kind, NO_ANSWER if answer is None else answer.status] += 1
        return answer

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        self._under_way += 1
        self._quiet.clear()
        try:
            yield
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._quiet.set()


def _query(plan: Plan) -> dict[str, str]:
    return {"systemId": plan.system}
