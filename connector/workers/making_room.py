"""Room for a session that waits for a seat: another one that nobody uses is cleaned up."""

from collections.abc import Awaitable, Callable

from connector.ledger.bookkeeping import in_time
from connector.ledger.port import Seats
from connector.model.errors import LedgerUnavailable
from connector.model.sessions import OpenSession, Reason
from connector.sessions.live import LiveSessions
from connector.workers.overdue import Overdue, ticks_of

LOOKED_AT = 20
"""Sessions that are looked at for one that may end; the others have been used since the ledger was told."""


class MakingRoom:
    """Ends the session of a pool that is idle for longest, if it is idle for long enough."""

    def __init__(
        self,
        ledger: Seats,
        live: LiveSessions,
        reap: Callable[[Overdue, Callable[[OpenSession], bool]], Awaitable[bool]],
        now: Callable[[], int | None],
        *,
        idle: float,
    ) -> None:
        """Make it.

        Args:
            ledger: knows which sessions have seats, and since when they are unused.
            live: knows who uses one now.
            reap: ends one, unless it was used, and tells whether it did.
            now: returns the ledger's tick; None if it is not known yet.
            idle: seconds without use, after which a session may end.
        """
        self._ledger = ledger
        self._live = live
        self._reap = reap
        self._now = now
        self._idle = idle

    async def make_room(self, pool: str, is_waited_for: Callable[[], bool]) -> bool:
        """End one session of a pool if somebody waits for that by then, and tell whether that was done.

        None is ended while the pool has a logout that is not confirmed: a broken logout gives no seat back, and would cost
        session after session. Neither is one while the ledger has not taken the end of another.
        """
        now = self._now()
        try:
            return now is not None and await self._has_ended_one(pool, now - ticks_of(self._idle), is_waited_for)
        except LedgerUnavailable:
            return False

    async def _has_ended_one(self, pool: str, unused_since: int, is_waited_for: Callable[[], bool]) -> bool:
        held = await in_time(self._ledger.held_seats(pool))
        if held.owed or held.waiting or held.unproved or self._live.unrecorded:
            return False
        with self._live.watched() as was_used:
            idle = await in_time(self._ledger.idle_holders(pool, unused_since=unused_since, limit=LOOKED_AT))
            for session in idle:
                # The reaper asks at the very end, because it may have had no place for this one until then.
                if await self._reap(Overdue(session, Reason.SEAT), lambda each: was_used(each) or not is_waited_for()):
                    return True
        return False
