"""What may be done to a part of a fleet: it is over when it is mended, and some seconds later nobody may notice it any more."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from tests.fleet.cable import Cable
from tests.servers import RealServer

A_MOMENT = 2.0
"""Seconds for what is noticed and over soon."""
BEYOND_A_CLAIM = 18.0
"""Seconds: longer than an owner is silent before it is taken for gone."""
SETTLED = 20.0
"""Seconds until all notice a new leader of the database, and seats are given again: 15 after that."""
RECOVERS = 5.0
"""Seconds: what takes a second here, on a busy machine."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One of them."""

    what: str
    do: Callable[[Random], Awaitable[None]]
    recovers: float | None = RECOVERS
    """Seconds after it was mended in which calls may still fail because of it; None if no call may ever."""


def killed(what: str, server: RealServer) -> Happening:
    """A server ends at once, and is started again."""

    async def do(_: Random) -> None:
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)

    return Happening(what, do)


def paused(what: str, server: RealServer, seconds: float, recovers: float = RECOVERS) -> Happening:
    """A server answers nothing for so long."""

    async def do(_: Random) -> None:
        await asyncio.to_thread(server.pause)
        await asyncio.sleep(seconds)
        server.resume()

    return Happening(what, do, recovers)


def cut(what: str, cable: Cable) -> Happening:
    """Whoever uses a cable reaches nobody for a while."""

    async def do(_: Random) -> None:
        await cable.cut()
        await asyncio.sleep(2 * A_MOMENT)
        cable.mend()

    return Happening(what, do)
