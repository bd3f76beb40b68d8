"""What the demo is about: two sessions of one system, and what can be seen of them from outside the server."""

from dataclasses import dataclass
from uuid import uuid4

from drivers import Scope, SessionScope, SystemScope
from tests.e2e.shelf import Shelf
from tests.endsystems.real_login import Login, RealEndSystem

SYSTEM = "demo-system"
LOGIN = "login"

Sight = dict[str, dict[str, bool]]
"""By row (whose), by column (where): whether it is still there."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session with a login of its own."""

    name: str
    id: str
    login: Login

    @property
    def scope(self) -> Scope:
        return SessionScope(self.id, SYSTEM)


@dataclass(frozen=True, slots=True)
class Scene:
    """The sessions, and the stores that they share with the server."""

    sessions: tuple[Session, ...]
    shelf: Shelf

    @classmethod
    async def set_up(cls, end_system: RealEndSystem, shelf: Shelf) -> "Scene":
        """Log in twice, and cache something for each session and for their system."""
        sessions = tuple([Session(f"session {number}", str(uuid4()), await end_system.log_in()) for number in (1, 2)])
        await shelf.put(*(session.scope for session in sessions), SystemScope(SYSTEM))
        return cls(sessions, shelf)

    async def look(self) -> Sight:
        """Use every login and read every entry."""
        rows = {session.name: {LOGIN: await session.login.works()} | await self._read(session.scope) for session in self.sessions}
        return rows | {f"system {SYSTEM}": await self._read(SystemScope(SYSTEM))}

    async def _read(self, scope: Scope) -> dict[str, bool]:
        return {f"cached in {store}": served for store, served in (await self.shelf.served(scope)).items()}
