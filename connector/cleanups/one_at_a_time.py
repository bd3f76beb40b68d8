"""One login at a time: the login that a session has is ended, and confirmed, before another one is made.

If logins are counted, that is done only for a session that has to make room for itself.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from connector.cleanups.orchestrator import Orchestrator
from connector.cleanups.plan import Planner
from connector.ledger.bookkeeping import in_time
from connector.ledger.port import KnownSessions
from connector.model.begun import Opening
from connector.model.cleanup import CleanupRequest
from connector.model.credential import Credential
from connector.model.debts import Debt
from connector.model.errors import BrokenOff, LedgerUnavailable
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from connector.sessions.opening_outcomes import OpeningRequest

ONLY_THE_LEDGER_KNOWS = -1
"""Version of a credential that the caller does not have: any that the ledger has is newer."""


class OneAtATime:
    """Gives each initialize of a session its turn, once nothing is left of the login before."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        planner: Planner,
        logouts: Logouts,
        live: LiveSessions,
        ledger: KnownSessions,
        *,
        ends_before: bool,
    ) -> None:
        """`ends_before` tells whether `turn` ends the earlier login of a session."""
        self._ends_before = ends_before
        self._orchestrator = orchestrator
        self._planner = planner
        self._logouts = logouts
        self._live = live
        self._ledger = ledger
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def turn(self, request: OpeningRequest, is_wanted: Callable[[], bool]) -> AsyncIterator[bool]:
        """Wait until no other initialize of the session runs. Give whether a login may be made.

        If earlier logins are ended before, it may once the earlier one is surely over. For a caller who has gone, as `is_wanted`
        tells, none is ended.

        Raises:
            LedgerUnavailable: the ledger cannot tell for now what is left.
        """
        turn = self._turns.setdefault(request.session_id, asyncio.Lock())
        async with turn:
            yield not self._ends_before or (is_wanted() and await self._has_ended_all(request))

    async def is_alone(self, opening: Opening) -> bool:
        """Tell whether no other login of a session is there or under way. Raises `LedgerUnavailable`."""
        return not await self._live.may_have_row_beside(opening.session_id, opening.login_id)

    async def end_own(self, request: OpeningRequest, spared: str) -> bool:
        """End what a session is open by, except for the login to come that is `spared`, and tell whether that is surely over."""
        try:
            return await self._has_ended_earlier(request, spared)
        except (LedgerUnavailable, BrokenOff):
            return False

    async def end_all(self, request: OpeningRequest, spared: str) -> bool:
        """Do the same, and tell whether no other login of the session is there either."""
        try:
            return await self._has_ended_all(request, spared)
        except (LedgerUnavailable, BrokenOff):
            return False

    async def _has_ended_all(self, request: OpeningRequest, spared: str | None = None) -> bool:
        """End the earlier logins. One that is being made is in the way, such as one whose caller was told that it is late."""
        is_over = await self._has_ended_earlier(request, spared)
        return is_over and not await self._live.may_have_row_beside(request.session_id, spared)

    async def _has_ended_earlier(self, request: OpeningRequest, spared: str | None = None) -> bool:
        async for earlier in self._earlier(request):
            # What cannot be recorded is not ended: no login could be made then, and after a kill the session would be open.
            report = await self._orchestrator.cleanup(earlier, spared=spared, only_if_recorded=True)
            if not report.recorded:
                raise LedgerUnavailable("it cannot record for now that the earlier login is ended")
        owed = await self._owed(request.session_id)  # outside of the group, which would hide what this raises in one of its own
        async with asyncio.TaskGroup() as retries:
            for debt in owed:
                retries.create_task(self._orchestrator.retry_unclaimed(debt))
        return not await self._owed(request.session_id)

    async def _earlier(self, request: OpeningRequest) -> AsyncIterator[CleanupRequest]:
        """Yield the cleanup of the login that the caller's seal shows, then that by which the session is still open.

        The first may take long, and its caller may be gone by then: a login that was made meanwhile is no earlier one.
        """
        login_id = await self._live.login_now(request.session_id)
        if request.replaced is not None:
            yield self._planner.by_seal(request.replaced)
        if login_id is None or (request.replaced is not None and request.replaced.login_id == login_id):
            return
        session = await in_time(self._ledger.open_by(request.session_id, login_id))
        # The last look: a cleanup ends whatever the session is open by here.
        if await self._live.login_now(request.session_id) == login_id:
            yield _of_login(request, login_id) if session is None else self._planner.by_record(session)

    async def _owed(self, session_id: str) -> list[Debt]:
        """Return the logouts that are in the way: a login of another end system is not, and its logout waits for that one."""
        owed = await in_time(self._ledger.owed_of(session_id))
        return [debt for debt in owed if self._logouts.held(debt) is None]


def _of_login(request: OpeningRequest, login_id: str) -> CleanupRequest:
    """Return the cleanup of a login of which only the id is known here, because its row cannot be read."""
    return CleanupRequest(
        request.session_id,
        request.system_id,
        global_cache=False,
        credential=Credential(),
        login_id=login_id,
        version=ONLY_THE_LEDGER_KNOWS,
    )
