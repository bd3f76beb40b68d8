"""Emptying a server before it is scaled away: nothing new begins, what is owed is tried, and what is left is counted."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import structlog

from connector.admin.closing import Closing
from connector.admin.readiness import Lifecycle
from connector.ledger.bookkeeping import in_time
from connector.ledger.port import ShownDebts, ShownKeys, ShownSessions
from connector.model.debts import LogoutState, Totals
from connector.model.errors import BrokenOff, DebtHeldBack, LedgerUnavailable, NoSuchDebt, NoSuchSession, ServedByOthers
from connector.model.listed import ListedSession, SessionState, Wanted
from connector.runtime.steps import step
from connector.runtime.supervision import OwnedTasks
from connector.sessions.renewals import Renewals
from connector.sessions.running_logins import RunningLogins
from connector.sessions.unrecorded import Unrecorded
from connector.workers.holding import Holding

log = structlog.get_logger(__name__)

PAGE = 200
"""Rows that are taken from the ledger at a time."""
AT_ONCE = 4
"""Sessions that are ended at a time."""
LONGEST = 172_800.0
"""Seconds for trying what is owed, or for ending sessions; their parts have shorter deadlines of their own."""
NOTHING = Totals(owed=0, waiting=0, closed=0, evictions=0, quarantined=0, unreadable=0, oldest=None)
"""What is left in a ledger whose other servers do what is owed there."""
NOT_ITS_OWN = "the ledger is shared; others serve its sessions: leave out --close-sessions. `connector sessions close` ends one"
OPEN = Wanted(states=[SessionState.OPEN])
BEGUN = (
    "an administrator empties this server: it opens no session any more, is not ready, and tries what is owed; "
    "`connector drain` tells what is left, and a restart ends it"
)


class ShownDrain(msgspec.Struct, frozen=True, kw_only=True):
    """What a server that is being emptied still has. If it goes, nobody else does it."""

    under_way: int
    """Logins, their renewals, cleanups and tries of logouts that have begun."""
    sessions: int
    """Open ones."""
    owed: int
    """Logouts that are tried again."""
    evictions: int
    unrecorded: int
    """What the ledger could not take yet. It is in memory only."""
    waiting: int
    """Logouts that need attention."""
    unknown: int
    """Logins of which nobody knows what they have made. They need attention, too."""

    @property
    def coming_to_an_end(self) -> int:
        """How much needs nobody's attention."""
        return self.under_way + self.sessions + self.owed + self.evictions + self.unrecorded

    @property
    def needs_attention(self) -> int:
        """How much only a person can end."""
        return self.waiting + self.unknown


class DrainedLedger(ShownDebts, ShownSessions, ShownKeys, Protocol):
    """A ledger whose server is emptied."""


@dataclass(slots=True)
class Draining:
    """Empties a running server. It stays so until it is started again."""

    lifecycle: Lifecycle
    ledger: DrainedLedger
    logins: RunningLogins
    tasks: OwnedTasks
    """What has begun and goes on without a caller."""
    renewals: Renewals
    unrecorded: Unrecorded
    closing: Closing
    holding: Holding
    nudge: Callable[[], None]
    """Tells the retries that something is due."""
    pause_retries: Callable[[], None]
    """Lets the retries begin nothing: the other servers of a shared ledger take what is owed."""
    resume_retries: Callable[[], None]
    """Lets them go on."""
    _has_begun: bool = field(default=False, init=False)
    _tries_owed: bool = field(default=False, init=False)
    _ends_sessions: bool = field(default=False, init=False)
    _ending: asyncio.Task[object] | None = field(default=None, init=False)

    def has_begun(self, *, close_sessions: bool) -> bool:
        """Tell whether the server is being emptied; with `close_sessions`, whether its open sessions are ended, too."""
        return self._has_begun and (self._ends_sessions or not close_sessions)

    async def drain(self, *, close_sessions: bool) -> ShownDrain:
        """Begin to empty the server, and tell what is left. Called again, it tells so again, and tries nothing sooner.

        With `close_sessions`, open sessions are ended as an administrator ends one. What is in the ledger is handed over if
        other servers have it, too.

        Raises:
            ServedByOthers: others serve the open sessions. Nothing has begun.
            LedgerUnavailable: it cannot be told, and whether others serve the open sessions neither: none of them is ended.
        """
        await self.begin(close_sessions=close_sessions)
        # Counted before the ledger is asked: what is over by then, and what it has made, is among what the ledger tells.
        under_way, unrecorded = self._under_way, len(self.unrecorded) + self.renewals.unrecorded
        has_others = await self._has_others()
        self._share_what_is_owed(has_others=has_others)
        totals = NOTHING if has_others else await self.ledger.statistics()
        if close_sessions and totals.sessions and (self._ending is None or self._ending.done()):
            self._ending = self._begin("ending open sessions", self._end_sessions)
        return _shown(totals, under_way, unrecorded)

    async def begin(self, *, close_sessions: bool) -> None:
        """Begin to empty the server, if that has not begun. Raises `ServedByOthers` as `drain` does."""
        if close_sessions and await self._has_others():
            raise ServedByOthers(NOT_ITS_OWN)
        self._ends_sessions |= close_sessions
        if self._has_begun:
            return
        self._has_begun = True
        log.warning(BEGUN)
        self.lifecycle.drain()
        self.logins.stop()

    def _share_what_is_owed(self, *, has_others: bool) -> None:
        """Leave what is owed to the other servers, or else try it here: they may end or come while this one is emptied."""
        if has_others:
            self.pause_retries()
        elif not self._tries_owed:
            self.resume_retries()
            self._begin("trying what is owed", self._try_owed)
        self._tries_owed = not has_others

    async def _has_others(self) -> bool:
        """Tell whether other servers have the ledger, too: the last one of a fleet has nobody to hand anything over to."""
        return len(await in_time(self.ledger.owners())) > 1

    @property
    def _under_way(self) -> int:
        return len(self.tasks) + self.logins.under_way + self.renewals.under_way

    def _begin(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[object]:
        return self.tasks.start(step(name, work, deadline=LONGEST, late=None, failed=None))

    async def _try_owed(self) -> None:
        """Make all that is owed due now. What fails is tried again when it is due."""
        last = 0
        with suppress(LedgerUnavailable):  # the retries try it all the same, later
            while rows := await self.ledger.listing(states=[LogoutState.OWED], after=last, limit=PAGE):
                for debt in rows:
                    with suppress(NoSuchDebt, DebtHeldBack):
                        await self.holding.make_due(debt.id)
                last = rows[-1].id
                self.nudge()

    async def _end_sessions(self) -> None:
        """End each session that is open now. One that cannot be ended is left for the next call."""
        places, last = asyncio.Semaphore(AT_ONCE), 0
        async with asyncio.TaskGroup() as endings:
            with suppress(LedgerUnavailable):
                while rows := await self.ledger.session_listing(OPEN, after=last, limit=PAGE):
                    for row in rows:
                        await places.acquire()
                        endings.create_task(self._end(row, places))
                    last = rows[-1].place

    async def _end(self, row: ListedSession, places: asyncio.Semaphore) -> None:
        try:
            with suppress(NoSuchSession, LedgerUnavailable, BrokenOff):
                await self.closing.close(row.session_id, row.login_id)
        finally:
            places.release()


def _shown(totals: Totals, under_way: int, unrecorded: int) -> ShownDrain:
    return ShownDrain(
        under_way=under_way,
        sessions=totals.sessions,
        owed=totals.owed,
        evictions=totals.evictions,
        unrecorded=unrecorded,
        waiting=totals.waiting + totals.quarantined,
        unknown=totals.unknown,
    )
