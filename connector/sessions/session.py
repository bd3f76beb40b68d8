"""A session as an author's handler sees it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp

from connector.cache import Cache, Caches
from connector.endsystems.end_system import SessionLogin
from connector.ledger.bookkeeping import DEADLINE
from connector.model.errors import LedgerUnavailable, LoginNotCarried, UnknownSession
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from connector.sessions.seal import Sealed, Seals
from drivers import SessionScope, SystemScope

T = TypeVar("T")


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
    logouts: Logouts

    @asynccontextmanager
    async def of(self, given: Sequence[str]) -> AsyncIterator[Session]:
        """Give the session of a seal for as long as the context; `given` are the header's values.

        Raises:
            UnknownSession: the seal is missing, forged, or of a session that is closed or has logged in anew since; or its
                login was made at another address than today's end system has.
            LedgerUnavailable: whether a session of another process was closed here cannot be told for now.
        """
        sealed = self.seals.opened(given)
        cache = await self.caches.of(SessionScope(sealed.session_id, sealed.system_id))
        system_cache = cache if sealed.system_id is None else await self.caches.of(SystemScope(sealed.system_id))
        await self._must_be_alive(sealed)  # after the moment of the caches, or it could lie after what ended the session
        login = await self._login(sealed)
        self.live.note_use(sealed.session_id)
        async with AsyncExitStack() as stack:
            http = await self._client(login, stack)
            yield Session(sealed.session_id, System(sealed.system_id, system_cache), cache, http)

    async def _must_be_alive(self, sealed: Sealed) -> None:
        if not await _answered(self.live.is_alive(sealed)):
            raise UnknownSession("closed, or replaced by another login")

    async def _login(self, sealed: Sealed) -> SessionLogin | None:
        """Return the login, None if there is none. It is not used at another end system than the one that it was made at."""
        if sealed.credential is None:
            return None
        login = SessionLogin(sealed.session_id, sealed.system_id, sealed.credential)
        made_at = await _answered(self.live.origin_of(sealed)) if sealed.origin is None else sealed.origin
        if made_at not in {None, self.logouts.origin(login)}:
            raise UnknownSession("its login was made at another end system than today's")
        return login

    async def _client(self, login: SessionLogin | None, stack: AsyncExitStack) -> aiohttp.ClientSession | str:
        if login is None:
            return "this session never logged in"
        try:
            return await stack.enter_async_context(self.logouts.end_system.client(login))
        except LoginNotCarried as problem:
            return str(problem)


async def _answered(question: Awaitable[T]) -> T:
    """Return what the ledger says, or raise `LedgerUnavailable`."""
    try:
        async with asyncio.timeout(DEADLINE):
            return await question
    except TimeoutError:
        raise LedgerUnavailable(f"no answer within {DEADLINE:g} s") from None
