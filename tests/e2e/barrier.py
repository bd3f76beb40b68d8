"""Parts of a server that wait for one another inside it: whoever is left alone waits until his deadline.

Named in a configuration by their dotted paths, as somebody's own driver and end system would be.
"""

import asyncio

from connector.endsystems.end_system import EndSystem, EndSystemSettings, SessionLogin
from connector.model.outcomes import LogoutOutcome, LogoutResult
from drivers import DriverSettings, Scope
from drivers.memory import MemoryDriver

_barriers: dict[int, asyncio.Barrier] = {}


def _barrier(parties: int) -> asyncio.Barrier:
    return _barriers.setdefault(parties, asyncio.Barrier(parties))


def barrier_driver(name: str, parties: int) -> str:
    """The table of such a driver in a configuration."""
    return f'[storage.{name}]\ndriver = "{__name__}.{BarrierDriver.__name__}"\nparties = {parties}\n'


class BarrierDriverSettings(DriverSettings):
    """For how many to wait."""

    parties: int


class BarrierDriver(MemoryDriver):
    """A memory driver that evicts once all parties have come."""

    Settings = BarrierDriverSettings

    def __init__(self, name: str, settings: BarrierDriverSettings) -> None:
        super().__init__(name, MemoryDriver.Settings())
        self._barrier = _barrier(settings.parties)

    async def evict(self, *scopes: Scope) -> None:
        await self._barrier.wait()
        await super().evict(*scopes)


class BarrierEndSystemSettings(EndSystemSettings):
    """For how many to wait."""

    parties: int


class BarrierEndSystem(EndSystem):
    """An end system that logs out once all parties have come."""

    Settings = BarrierEndSystemSettings

    def __init__(self, settings: BarrierEndSystemSettings) -> None:
        self._barrier = _barrier(settings.parties)

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        await self._barrier.wait()
        return LogoutOutcome(LogoutResult.ACKNOWLEDGED)
