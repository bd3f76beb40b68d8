"""A session as an author's handler sees it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from connector.cache import Cache, Caches
from connector.endsystems.contract import EndSystem, SessionLogin
from connector.errors import LoginNotCarried
from connector.ledger.bookkeeping import DEADLINE
from connector.ledger.errors import LedgerUnavailable
from connector.sessions.errors import UnknownSession
from connector.sessions.live import LiveSessions
from connector.sessions.seal import Sealed, Seals
from drivers import SessionScope, SystemScope


@dataclass(frozen=True, slots=True)
class System:
    """The integrated system of a session."""

    system_id: str | None
    """None from an OpsHub that names none."""
    cache: Cache
    """What all sessions of the system share (the global cache); the session's own where there is no system to share with."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session during one request: not to be kept beyond it."""

    session_id: str
    """Canonical UUID text."""
    system: System
    cache: Cache
    """What is evicted with the session, and with its system."""
    _http: aiohttp.ClientSession | str = field(repr=False)
    """The client, or why there is none."""

    @property
    def system_id(self) -> str | None:
        """The system's id, None from an OpsHub that names none."""
        return self.system.system_id

    @property
    def http(self) -> aiohttp.ClientSession:
        """A client whose requests carry the session's login, and go nowhere but to the end system.

        Raises:
            LoginNotCarried: there was no login, or the profile does not say how it is carried.
        """
        if isinstance(self._http, str):
            raise LoginNotCarried(self._http)
        return self._http


@dataclass(frozen=True, slots=True)
class SessionsInUse:
    """Gives a session to whoever shows its seal."""

    seals: Seals
    live: LiveSessions
    caches: Caches
    end_system: EndSystem

    @asynccontextmanager
    async def of(self, given: Sequence[str]) -> AsyncIterator[Session]:
        """Give the session of a seal for as long as the context; `given` are the header's values.

        Raises:
            UnknownSession: the seal is missing, forged, or of a session that is closed or has logged in anew since.
            LedgerUnavailable: whether a session of another process was closed here cannot be told for now.
        """
        sealed = self.seals.opened(given)
        cache = await self.caches.of(SessionScope(sealed.session_id, sealed.system_id))
        system_cache = cache if sealed.system_id is None else await self.caches.of(SystemScope(sealed.system_id))
        await self._must_be_alive(sealed)  # after the moment of the caches, or it could lie after what ended the session
        self.live.note_use(sealed.session_id)
        async with AsyncExitStack() as stack:
            http = await self._client(sealed, stack)
            yield Session(sealed.session_id, System(sealed.system_id, system_cache), cache, http)

    async def _must_be_alive(self, sealed: Sealed) -> None:
        try:
            async with asyncio.timeout(DEADLINE):
                alive = await self.live.is_alive(sealed)
        except TimeoutError:
            raise LedgerUnavailable(f"no answer within {DEADLINE:g} s") from None
        if not alive:
            raise UnknownSession("closed, or replaced by another login")

    async def _client(self, sealed: Sealed, stack: AsyncExitStack) -> aiohttp.ClientSession | str:
        if sealed.credential is None:
            return "this session never logged in"
        try:
            login = SessionLogin(sealed.session_id, sealed.system_id, sealed.credential)
            return await stack.enter_async_context(self.end_system.client(login))
        except LoginNotCarried as problem:
            return str(problem)
