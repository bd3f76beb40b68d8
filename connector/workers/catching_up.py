"""The worker for what the ledger could not take: records it or, as long as that fails, ends its login."""

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from operator import attrgetter

import structlog

from connector.cache.storage import Storage
from connector.endsystems.end_system import SessionLogin
from connector.ledger.bookkeeping import DEADLINE
from connector.ledger.port import LateRecords
from connector.model.cleanup import Missed
from connector.model.errors import LedgerUnavailable
from connector.model.sessions import OpenSession
from connector.runtime.deadline import Patience
from connector.runtime.steps import step
from connector.sessions.live import LiveSessions
from connector.sessions.logouts import Logouts
from connector.sessions.unrecorded import InVain, Kept
from connector.telemetry.logs import session_digest

log = structlog.get_logger(__name__)

EVERY = 1.0
"""Seconds between two tries to record what the ledger could not take."""
TOGETHER = 200
"""How much of it is recorded at a time."""
LOGOUTS = 8
"""How many logouts are tried between two tries to record."""
AT_LAST = sys.float_info.max
"""A time when every logout is due that may succeed if it is tried again."""


class CatchingUp:
    """Tries until one of the two has worked, also while the server ends."""

    def __init__(
        self,
        live: LiveSessions,
        ledger: LateRecords,
        logouts: Logouts,
        storage: Storage,
        *,
        nudge: Callable[[], None],
    ) -> None:
        """`nudge` tells the retries that something is due."""
        self._live = live
        self._unrecorded = live.unrecorded
        self._ledger = ledger
        self._logouts = logouts
        self._storage = storage
        self._nudge = nudge

    async def run(self) -> None:
        """Work for ever."""
        while True:
            await self._unrecorded.something()
            await self._try(asyncio.get_running_loop().time())
            await asyncio.sleep(EVERY)

    async def finish(self, deadline: float) -> None:
        """Work until nothing is left, at most `deadline` seconds, and tell what is left then."""
        with suppress(TimeoutError):
            async with Patience(deadline).kept():
                while self._unrecorded:
                    await self._try(AT_LAST)
                    await asyncio.sleep(EVERY if self._unrecorded else 0)
        for kept in self._unrecorded:
            _tell(kept)

    async def _try(self, now: float) -> None:
        if not await self._recorded():
            await self._end_due(now)

    async def _recorded(self) -> bool:
        """Record what is kept, and say whether that could be done. A ledger that takes nothing is not asked for all of it."""
        kept = iter(self._unrecorded)
        while some := [*islice(kept, TOGETHER)]:
            async with asyncio.TaskGroup() as recording:
                tries = [recording.create_task(self._record(each)) for each in some]
            if not any(each.result() for each in tries):
                break
        return not self._unrecorded

    async def _record(self, kept: Kept) -> bool:
        async def recorded() -> bool:
            try:
                await self._write(kept)
            except LedgerUnavailable:
                return False
            return True

        name = "recording what the ledger could not take"
        done = await step(name, recorded, deadline=DEADLINE, late=False, failed=False)
        if done.outcome:
            self._taken(kept)
        return done.outcome

    async def _write(self, kept: Kept) -> None:
        match kept.left:
            case Missed():
                await self._ledger.record_late(kept.left)
            case OpenSession(session_id):
                await self._ledger.end_login(kept.left)
                if await self._live.forget_replaced(session_id):
                    self._storage.owe_but(())
            case InVain(opening, is_unknown=True):
                await self._ledger.opening_unanswered(opening)
            case InVain(opening):
                await self._ledger.opening_failed(opening)

    def _taken(self, kept: Kept) -> None:
        session_id, _, _ = kept.key
        self._unrecorded.forget(kept)
        self._live.rows_gone(session_id, kept.logins)
        owing = kept.left.drivers if isinstance(kept.left, Missed) else ()
        for driver in self._storage.drivers:
            if driver.name in owing:
                self._storage.owe(driver)
        self._nudge()

    async def _end_due(self, now: float) -> None:
        due = sorted((kept for kept in self._unrecorded if kept.login and kept.due <= now), key=attrgetter("due"))
        async with asyncio.TaskGroup() as logouts:
            for kept in due[:LOGOUTS]:
                if kept.login is not None:
                    logouts.create_task(self._end(kept, kept.login))

    async def _end(self, kept: Kept, login: SessionLogin) -> None:
        _, login_id, _ = kept.key
        async with self._logouts.sharing(login, login_id, places=(kept.left.origin,), attempts=kept.tries) as shared:
            await asyncio.wait([shared.task])
            if not shared.task.cancelled():
                kept.tried(shared.task.result().outcome)
        if kept.login is None:
            log.info("a login that the ledger could not record was ended", session=session_digest(login.session_id))


def _tell(kept: Kept) -> None:
    """Tell a person of what this process has kept and nobody else knows."""
    session_id, _, _ = kept.key
    if kept.login is not None:
        message = "A LOGIN COULD BE NEITHER RECORDED NOR ENDED: end it in the end system by hand"
        log.error(message, origin=kept.left.origin, session=session_digest(session_id))
    elif isinstance(kept.left, InVain):
        message = "the ledger could not be told what became of a login: it counts as unknown after the next start"
        log.warning(message, origin=kept.left.origin, session=session_digest(session_id))
    elif kept.owes_something:
        message = "the ledger could not be told of a cleanup: its session counts as open after the next start; clean it up again"
        log.warning(message, session=session_digest(session_id))
