"""What has to be done at the server that is used afterwards, although an address may move at any moment."""

from collections.abc import Awaitable, Callable
from typing import Protocol


class Movable(Protocol):
    """Connections that may lead to another server from now on."""

    @property
    def era(self) -> int:
        """What changes whenever they may."""
        ...


async def done_where_it_counts(connections: Movable, work: Callable[[], Awaitable[object]]) -> None:
    """Do the work, and again if the server has become another one meanwhile: done at the former, it may be missing there."""
    era = None
    while era != connections.era:
        era = connections.era
        await work()
