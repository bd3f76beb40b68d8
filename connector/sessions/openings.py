"""Opening a session, as its caller sees it: his turn, the login, and an answer in time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Protocol

import structlog

from connector.model.begun import Opening
from connector.model.errors import BrokenOff, LedgerUnavailable
from connector.runtime.deadline import is_done_within
from connector.sessions.logouts import Logouts
from connector.sessions.opening_outcomes import Attempt, Caller, NotOpened, OpeningRequest, Result
from connector.sessions.opening_records import OpeningRecords
from connector.sessions.running_logins import Login, RunningLogins

if TYPE_CHECKING:  # a server that counts no seats does without
    from connector.endsystems.naming_pools import SeatPools

log = structlog.get_logger(__name__)


class Turns(Protocol):
    """Lets one initialize of a session run at a time."""

    def turn(self, request: OpeningRequest, is_wanted: Callable[[], bool]) -> AbstractAsyncContextManager[bool]:
        """Wait, end the session's earlier login, and give whether it is surely over. Raises `LedgerUnavailable`.

        Nothing is ended if no login is wanted any more by then.
        """
        ...


class Openings:
    """Opens sessions. A login that has begun goes on when its caller has gone or was answered.

    What it makes then is ended, because nobody has its seal.
    """

    def __init__(
        self,
        logouts: Logouts,
        logins: RunningLogins,
        begun: OpeningRecords,
        *,
        turns: Turns | None = None,
        may_replace: Callable[[OpeningRequest], Awaitable[bool]] | None = None,
        pools: "SeatPools | None" = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make it.

        Args:
            logouts: know the end system.
            logins: make the logins.
            begun: tell whether a login may begin.
            turns: let one initialize of a session run at a time; None if several may.
            may_replace: tells whether what a session has cached can be evicted for it; None if any login may begin.
            pools: name those of logins; None if these are not counted.
            clock: tells when a login begins.
        """
        self._logouts = logouts
        self._logins = logins
        self._begun = begun
        self._turns = turns
        self._may_replace = may_replace
        self._pools = pools
        self._clock = clock

    def faults(self, settings: Mapping[str, str]) -> list[str]:
        """Return what is wrong with settings that tell whose seat a login takes, as `EndSystem.check_settings` does."""
        return [*self._pools.faults(settings)] if self._pools else []

    async def open(self, request: OpeningRequest, is_wanted: Callable[[], bool] = lambda: True) -> Result:
        """Log in and record the session. An earlier login of it is replaced once the new one has succeeded.

        `is_wanted` tells whether the caller still waits: without the seal, nobody could end the session.
        """
        if self._logins.are_stopping:
            return NotOpened.STOPPING
        if self._begun.are_overwhelmed:
            return NotOpened.NOT_RECORDED
        try:
            if self._may_replace is not None and not await self._may_replace(request):
                return NotOpened.STORE_AWAY
            return await self._open_in_turn(request, is_wanted)
        except LedgerUnavailable:
            return NotOpened.NOT_RECORDED
        except BrokenOff:
            return NotOpened.STOPPING

    async def _open_in_turn(self, request: OpeningRequest, is_wanted: Callable[[], bool]) -> Result:
        caller = Caller(is_wanted)
        if self._turns is None:
            return await self._open(request, caller)
        async with self._turns.turn(request, lambda: is_wanted() and not self._logins.are_stopping) as may_log_in:
            if may_log_in:
                return await self._open(request, caller)
            if self._logins.are_stopping:
                return NotOpened.STOPPING
            return NotOpened.NOT_ENDED if is_wanted() else NotOpened.OVERTAKEN

    async def _open(self, request: OpeningRequest, caller: Caller) -> Result:
        attempt = Attempt(request, self._opening(request), caller)
        try:
            login = await self._logins.begin(attempt)
            if isinstance(login, NotOpened):
                return login
            return await self._answer_to(login, self._logins.deadline - attempt.caller.waited)
        finally:
            attempt.caller.was_answered = True  # a session that opens later would have no caller

    def _opening(self, request: OpeningRequest) -> Opening:
        origin = self._logouts.origin_to_come(request.session_id, request.system_id, request.settings)
        return Opening(
            session_id=request.session_id,
            system_id=request.system_id,
            origin=origin,
            # Random, not counted: two processes with the same keys must never use one id.
            login_id=token_urlsafe(16),
            opened_at=self._clock(),
            pool=self._pools.of(origin, request.settings) if self._pools else None,
        )

    async def _answer_to(self, login: Login, seconds: float) -> Result:
        if not await is_done_within(seconds, login) or login.cancelled():
            log.warning("a login is late: its caller was answered, and what it makes will be ended", seconds=seconds)
            return self._logins.late
        return await asyncio.shield(login.result())
