"""Records of logins in the ledger, and evictions that follow: opened, replaced, owed. Sets its own deadlines."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import structlog

from connector.cache.evictions import evict_everywhere
from connector.cache.storage import Storage
from connector.endsystems.end_system import SessionLogin
from connector.ledger.bookkeeping import DEADLINE, Bookkeeping, in_time
from connector.ledger.port import OpenedSessions
from connector.model.begun import Recorded
from connector.model.credential import Credential
from connector.model.debts import Debt
from connector.model.errors import LedgerUnavailable
from connector.model.outcomes import IN_HAND_ELSEWHERE, IN_USE_AGAIN, LogoutOutcome, LogoutResult
from connector.model.seat_pools import Seat
from connector.model.sessions import OpenSession, Replaced
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from connector.sessions.seal import Sealed
from drivers import SessionScope

BROKEN_OFF = LogoutOutcome(LogoutResult.PENDING, "broken_off", "the server ends")

T = TypeVar("T")
log = structlog.get_logger(__name__)


class SessionRecords:
    """The records of initialize."""

    def __init__(
        self,
        logouts: Logouts,
        ledger: OpenedSessions,
        storage: Storage,
        books: Bookkeeping,
        live: LiveSessions,
        *,
        nudge: Callable[[], None],
        given_back: Callable[[Seat | None], None] = lambda _: None,
    ) -> None:
        """`nudge` wakes the retries, because a login has to be ended; `given_back` is told the seat of one that was undone."""
        self._given_back = given_back
        self._logouts = logouts
        self._ledger = ledger
        self._storage = storage
        self._books = books
        self._live = live
        self._nudge = nudge

    @property
    def deadline(self) -> float:
        """Seconds that `open` and `evict` may take together."""
        return 3 * DEADLINE + self._storage.deadlines.evict

    async def open(self, session: OpenSession, shown: Sealed | None, *, was_open: bool) -> Recorded:
        """Record the session and, in the same transaction, the debt of what it replaces: the login and its cached values.

        It is not opened if a cleanup came meanwhile, maybe to another process. Its login is owed then.

        Args:
            session: the new one.
            shown: the earlier seal, if the caller has shown it.
            was_open: whether it is known to replace another; the ledger may know so, too.

        Returns:
            whether it is open, and the eviction that is owed now.

        Raises:
            LedgerUnavailable: it may not be durable.
        """
        replaced = Replaced() if was_open else None
        if shown is not None:
            replaced = Replaced(self._login_of(shown), shown.static)
        # The debt names each of these drivers until it has evicted.
        opening = self._ledger.open_session(session, replaced, drivers=self._storage.owing)
        recorded = await self._written(opening)
        if recorded.owes_logout:
            self._nudge()
        return recorded

    async def evict(self, owed: Debt) -> bool:
        """Evict what was cached before, and tell whether the authority did.

        An eviction that fails stays owed, and its driver is not trusted until it is done.
        """
        scope = SessionScope(owed.session_id, owed.system_id)
        evicting = {driver.name: owed.evictions.get(driver.name, (scope,)) for driver in self._storage.drivers}
        evicted = await evict_everywhere(self._storage, evicting)
        await self._books.settle(owed, outcome=None, evicted=evicted)
        return self._storage.authority.name in evicted

    def evict_soon(self) -> None:
        """Have every driver evict what the ledger says is owed: a session may have been replaced, and nobody was told so."""
        self._storage.owe_but(())

    async def end(self, session: OpenSession) -> None:
        """Record that an unused login has to be ended, and notice if it was recorded as a session in spite of all.

        The retries end it. While the ledger cannot take it, the worker of what is `unrecorded` ends it.
        """
        recorded = False  # also after a cancellation, which is no `LedgerUnavailable`
        try:
            with suppress(LedgerUnavailable):
                await self._written(self._ended_by_record(session))
                recorded = True
        finally:
            if not recorded:
                self._live.unrecorded.keep_login(session)
        if recorded:
            self._gone(session)
            self._nudge()

    async def _ended_by_record(self, session: OpenSession) -> None:
        await self._ledger.end_login(session)
        if await self._live.forget_replaced(session.session_id):
            self.evict_soon()

    async def undo(self, session: OpenSession) -> LogoutOutcome:
        """Record a login that failed half-way, then log it out, and return what became of that.

        A kill in between leaves a debt; so does an end system that does not take the logout.
        """
        try:
            debt = await self._written(self._ledger.end_login(session, being_tried=True))
        except LedgerUnavailable:
            return await self._ended_unrecorded(session)
        self._gone(session)
        if debt is None:
            return IN_USE_AGAIN
        try:
            return await self._ended(session, debt)
        finally:
            await self._books.release(debt)

    async def _ended(self, session: OpenSession, debt: Debt) -> LogoutOutcome:
        ended = await self._logged_out(session, debt)
        may_be_alive = debt.seat is not None and ended.is_unproved  # a debt that is forgotten holds no seat
        if may_be_alive or not (ended.closes and await self._forgotten(debt)):
            told = None if ended is IN_HAND_ELSEWHERE else ended
            await self._books.settle(debt, outcome=told, evicted=(), release=True)
            self._nudge()
        self._given_back(debt.seat)
        return ended

    async def _ended_unrecorded(self, session: OpenSession) -> LogoutOutcome:
        ended = await self._logged_out(session)
        # It may have a row, as a login that is under way.
        self._live.unrecorded.keep_login(replace(session, credential=None) if ended.closes else session)
        return ended

    def _gone(self, session: OpenSession) -> None:
        self._live.rows_gone(session.session_id, [session.login_id])

    async def _forgotten(self, debt: Debt) -> bool:
        try:
            return await self._written(self._ledger.forget(debt))
        except LedgerUnavailable:
            return False

    async def _logged_out(self, session: OpenSession, debt: Debt | None = None) -> LogoutOutcome:
        may_send = None if debt is None else partial(self._books.may_send, debt)
        login = SessionLogin(session.session_id, session.system_id, session.credential or Credential())
        places = (session.origin,)
        async with self._logouts.sharing(login, session.login_id, places=places, attempts=0, may_send=may_send) as shared:
            await asyncio.wait([shared.task])
            return BROKEN_OFF if shared.task.cancelled() else shared.task.result().outcome

    def _login_of(self, shown: Sealed) -> OpenSession | None:
        """Return the login of a seal. Another process may have made it, and hold its record."""
        if shown.credential is None:
            return None
        login = SessionLogin(shown.session_id, shown.system_id, shown.credential)
        origin = self._logouts.origin(login) if shown.origin is None else shown.origin
        return OpenSession(shown.session_id, shown.system_id, origin, shown.login_id, 0.0, 0.0, shown.credential)

    async def _written(self, writing: Coroutine[Any, Any, T]) -> T:
        try:
            return await in_time(writing)
        except LedgerUnavailable as problem:
            log.warning("the ledger could not record a login; it is kept in memory and ended", reason=str(problem))
            raise
