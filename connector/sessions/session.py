"""A session as an author's handler sees it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from inspect import iscoroutine
from types import MappingProxyType
from typing import TypeVar

import aiohttp
from yarl import URL

from connector.cache import Cache, Caches
from connector.endsystems.authored import checked_client
from connector.endsystems.end_system import EndSystem, LoginInUse, SessionLogin
from connector.endsystems.http.authors_client import AuthorsClient
from connector.endsystems.http.client_at_need import ClientAtNeed, MakesClients
from connector.ledger.bookkeeping import in_time
from connector.model.errors import LoginNotCarried, UnknownSession
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from connector.sessions.renewals import RenewableLogin, Renewals, with_values
from connector.sessions.renewed_values import checked
from connector.sessions.seal import Sealed, Seals
from drivers import SessionScope, Stamp

T = TypeVar("T")

NEVER_LOGGED_IN = "this session never logged in"
NEW = 30.0
"""Seconds for which a login counts as made just now."""


@dataclass(frozen=True, slots=True)
class System:
    """The integrated system of a session."""

    system_id: str | None
    """None from an OpsHub that names none."""
    cache: Cache
    """The cache that all sessions of the system share (the global cache); the session's own if it has no system."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session during one request. Do not use it beyond that."""

    session_id: str
    """Canonical UUID text."""
    system: System
    cache: Cache
    """What is evicted with the session, and with its system."""
    _http: aiohttp.ClientSession | ClientAtNeed | str = field(repr=False)
    """The client, what makes it, or the reason why there is none."""
    opened_at: float | None = field(default=None, repr=False)
    """When the session has logged in, in seconds since the epoch; None if its seal does not say."""
    _login: LoginInUse | None = field(default=None, repr=False)
    _settings: Mapping[str, str] | None = field(default=None, repr=False)
    _begin: "Callable[[Work], Awaitable[None]] | None" = field(default=None, repr=False)

    @property
    def settings(self) -> Mapping[str, str]:
        """What an administrator has set for the system in OpsHub: what the profile declares and does not call `secret`.

        A setting that was left empty has its default, or is missing. A class of your own hands on what its
        `settings_for_handlers` returns. A session that was opened before there were settings is answered 401 here, so that
        OpsHub initializes it again.
        """
        if self._settings is None:
            raise UnknownSession("its seal holds no settings: an older version has made it, or a server without routes")
        return MappingProxyType(self._settings)

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
        return self._http.client if isinstance(self._http, ClientAtNeed) else self._http

    @property
    def base_url(self) -> URL:
        """Where the paths of `http` begin, with a slash at its end: `session.base_url / "issues"` is a link.

        Raises:
            LoginNotCarried: there is no `http`, or a class of your own has made one without a base URL.
        """
        client = self.http
        base_url = client.base_url if isinstance(client, AuthorsClient) else None
        if base_url is None:
            raise LoginNotCarried("`session.http` has no base URL: set `end_system.base_url`, or give `guarded.http` one")
        return base_url

    async def renew(self, values: Mapping[str, str]) -> None:
        """Record that the end system has renewed the login: these values take the place of those with the same names.

        `values` are parts of the credential that a login of your own has returned. They are durable when this returns. From now
        on they are what `client` is given, and what the cleanup ends.

        Raises:
            LoginNotCarried: there was no login.
            TypeError, ValueError: they are no text, or the credential has no such part. Nothing is changed.
            LedgerUnavailable: they are not durable yet. They are recorded when the ledger works again, and used from then on.
        """
        if self._login is None:
            raise LoginNotCarried(NEVER_LOGGED_IN)
        await self._login.renew(with_values(checked(values, self._login.credential)))

    async def background(self, work: "Work") -> None:
        """Go on with `work` after the answer. It is called with a session of its own, whose client and caches last as long.

        It has begun when this returns. When the session is cleaned up, reaped or opened anew, it is cancelled, and the logout
        waits some seconds for its end. It is cancelled when the server ends, too, and never begun again. What escapes it is
        logged. It keeps no session from being idle, because OpsHub may have forgotten the session.

        Raises:
            TypeError: `work` is no function of a session, such as `partial(export, ids)`.
            LedgerUnavailable: the ledger cannot tell for now whether the session is still open. OpsHub is answered 503.
        """
        if iscoroutine(work):
            work.close()  # or Python warns that it was never awaited
        if not callable(work):
            raise TypeError(f"expected a function of a session, such as `partial(export, ids)`; got {type(work).__name__}")
        if self._begin is None:
            raise RuntimeError("this session was made without a server, and begins no work")
        await self._begin(work)


Work = Callable[[Session], Awaitable[None]]
"""What goes on in the background."""
LetIn = tuple[Cache, Cache, SessionLogin | None]
"""The caches of a session and of its system, and its login, None without one."""


@dataclass(frozen=True, slots=True)
class SessionsInUse:
    """Gives a session to the holder of its seal."""

    seals: Seals
    live: LiveSessions
    caches: Caches
    logouts: Logouts
    renewals: Renewals
    clock: Callable[[], float] = time.time

    def has_logged_in_just_now(self, session: Session) -> bool:
        """Tell whether the session's login is so new that another one would fare no better. Replicas' clocks may differ."""
        return session.opened_at is not None and abs(self.clock() - session.opened_at) < NEW

    @asynccontextmanager
    async def of(self, given: Sequence[str]) -> AsyncIterator[Session]:
        """Give the session of a seal while the context is open; `given` are the header's values.

        Raises:
            UnknownSession: the seal is missing or forged; its session is closed, or has logged in anew; or its login was made
                at another address than today's end system has.
            LedgerUnavailable: the ledger cannot tell for now whether a session of another process was closed here.
        """
        sealed = self.seals.opened(given)
        # Before it is known to be alive: from that answer on, nobody but a cleanup ends it under this call.
        self.live.call_begins(sealed)
        try:
            let_in = await self._let_in(sealed)
            self.live.note_call(sealed)
            try:
                async with self._session(sealed, let_in) as session:
                    yield session
            finally:
                self.live.note_use(sealed)
        finally:
            self.live.call_ends(sealed)

    async def _let_in(self, sealed: Sealed) -> LetIn:
        """Return the caches and the login of a session that is alive. Raises as `of`."""
        scope = SessionScope(sealed.session_id, sealed.system_id)
        cache, system_cache = await self.caches.of_both(scope, login_id=sealed.login_id)
        # After the read versions, which could otherwise be from after the session's end.
        await self._must_be_alive(sealed, scope, cache.read_version)
        return cache, system_cache, await self._login(sealed)

    @asynccontextmanager
    async def _session(self, sealed: Sealed, let_in: LetIn) -> AsyncIterator[Session]:
        cache, system_cache, login = let_in
        system, in_use = System(sealed.system_id, system_cache), None if login is None else login.in_use
        begin = partial(self._begin, sealed)
        try:
            # The client is closed with the request: its connections carry the login.
            async with self._client(login) as http:
                yield Session(sealed.session_id, system, cache, http, sealed.opened_at, in_use, sealed.settings, begin)
        finally:
            system_cache.close()
            cache.close()

    async def _begin(self, sealed: Sealed, work: Work) -> None:
        """Begin work in the background; see `Session.background`. Raises as `of`."""
        let_in: asyncio.Future[LetIn] = asyncio.get_running_loop().create_future()
        # Before the session is known to be alive: from that answer on, its end finds the work.
        task = self.live.background.start(sealed.session_id, sealed.login_id, self._work(sealed, work, let_in))
        try:
            found = await self._let_in(sealed)
            if let_in.cancelled():
                raise UnknownSession("ended meanwhile")
            let_in.set_result(found)
        finally:
            if not let_in.done():
                task.cancel()

    async def _work(self, sealed: Sealed, work: Work, let_in: "asyncio.Future[LetIn]") -> None:
        found = await let_in
        async with self._session(sealed, found) as session:
            await work(session)

    async def _must_be_alive(self, sealed: Sealed, scope: SessionScope, stamp: Stamp | None) -> None:
        if not await in_time(self.live.is_alive(sealed, stamp)):
            if await in_time(self.live.owes_eviction(sealed.session_id)):
                # Until that is done, other processes remember the login as alive under its stamp.
                await self.caches.forget(scope)
            raise UnknownSession("closed, or replaced by another login")

    async def _login(self, sealed: Sealed) -> SessionLogin | None:
        """Return the login, None without one. It is used only at the end system where it was made."""
        if sealed.credential is None:
            return None
        in_use = RenewableLogin(self.renewals, sealed)
        accepted = partial(self._seen_alive, sealed, in_use)
        await in_use.settled()
        login = SessionLogin(sealed.session_id, sealed.system_id, in_use.credential, accepted, in_use)
        made_at = await in_time(self.live.origin_of(sealed)) if sealed.origin is None else sealed.origin
        if made_at not in {None, self.logouts.origin(login)}:
            raise UnknownSession("its login was made at another end system than today's")
        return login

    def _seen_alive(self, sealed: Sealed, in_use: LoginInUse) -> None:
        self.logouts.doubts.seen_alive(sealed.session_id, sealed.login_id, in_use.credential)

    def _client(self, login: SessionLogin | None) -> AbstractAsyncContextManager[aiohttp.ClientSession | ClientAtNeed | str]:
        if login is None:
            return nullcontext(NEVER_LOGGED_IN)
        end_system = self.logouts.end_system
        if isinstance(end_system, MakesClients):
            return ClientAtNeed(partial(end_system.client, login))
        return _authors_client(end_system, login)


@asynccontextmanager
async def _authors_client(end_system: EndSystem, login: SessionLogin) -> AsyncIterator[aiohttp.ClientSession | str]:
    """Open the client of an author's class before it is needed, because to open it may have to wait."""
    async with AsyncExitStack() as stack:
        client: aiohttp.ClientSession | str
        try:
            client = await stack.enter_async_context(checked_client(end_system.client(login)))
        except LoginNotCarried as problem:
            client = str(problem)
        yield client
