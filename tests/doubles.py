"""Doubles: end systems and drivers with a behaviour of their own, for what a real one cannot be made to do on cue."""

import asyncio
from collections.abc import Awaitable, Callable

from connector.endsystems.end_system import EndSystem, EndSystemSettings, SessionLogin
from connector.model.outcomes import LogoutOutcome, LogoutResult
from drivers import Scope
from drivers.memory import MemoryDriver

Behaviour = Callable[[SessionLogin], Awaitable[LogoutOutcome]]
ACKNOWLEDGED = LogoutOutcome(LogoutResult.ACKNOWLEDGED)


class ScriptedEndSystem(EndSystem):
    """An end system that does what a test tells it, and remembers whom it was asked to log out."""

    def __init__(self, behaviour: Behaviour | LogoutOutcome = ACKNOWLEDGED) -> None:
        super().__init__(EndSystemSettings())
        self.behaviour = behaviour
        self.asked: list[SessionLogin] = []

    async def logout(self, session: SessionLogin) -> LogoutOutcome:
        self.asked.append(session)
        if isinstance(self.behaviour, LogoutOutcome):
            return self.behaviour
        return await self.behaviour(session)


class LocatedEndSystem(ScriptedEndSystem):
    """An end system at one address."""

    def __init__(self, place: str, *, ends_sessions: bool = True) -> None:
        super().__init__()
        self.place = place
        self.ends_sessions = ends_sessions

    def origin(self, session: SessionLogin) -> str:
        return self.place


class ScriptedDriver(MemoryDriver):
    """A real memory driver whose evictions first do what a test tells them."""

    before_evict: Callable[[], Awaitable[None]] | None = None

    async def evict(self, *scopes: Scope) -> None:
        if self.before_evict is not None:
            await self.before_evict()
        await super().evict(*scopes)


async def hang() -> None:
    """Never return."""
    await asyncio.Event().wait()
