"""The worker that ends sessions which nobody cleans up, and gives up logins of which nobody will ever know anything."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial

import structlog

from connector.ledger.bookkeeping import in_time
from connector.ledger.port import RunningTime
from connector.model.cleanup import CleanupReport
from connector.model.errors import BrokenOff, LedgerUnavailable
from connector.model.listed import TICK
from connector.model.sessions import OpenSession, Reason
from connector.runtime.outages import Outage
from connector.runtime.steps import step
from connector.runtime.supervision import OwnedTasks
from connector.sessions.live import LiveSessions
from connector.telemetry.logs import session_digest, words_of
from connector.telemetry.metrics import Metrics
from connector.workers.overdue import Lifetimes, Overdue, overdue, ticks_of

log = structlog.get_logger(__name__)

WasUsed = Callable[[OpenSession], bool]
OnceUnused = Callable[[], AbstractAsyncContextManager[None]]
Cleanup = Callable[[OpenSession, OnceUnused | None], Awaitable[CleanupReport]]
SLICE = 200
"""Sessions that are taken from the ledger at a time, for each reason."""
LONGEST = 172_800.0
"""Seconds for reaping; its parts have shorter deadlines of their own."""
LET_GO = (
    "a login of which nobody knows what it has made is given up: by end_system.login_lifetime it has ended by itself; "
    "if logins live longer there, look for it in the end system, and end it by hand"
)

NOTHING_ENDED = "it cannot record for now that sessions are ended"


@dataclass(frozen=True, slots=True)
class ReaperRules:
    """What is reaped, and how fast."""

    lifetimes: Lifetimes
    login_lifetime: float
    """Seconds after which a login is given up of which nobody knows what it has made."""
    at_once: int
    """Sessions that are ended at a time."""
    per_origin: int
    """Those of one end system."""


class Reaper:
    """Counts running time, and cleans up what is beyond its time, as it is cleaned up for OpsHub.

    Each tick is one of a server that runs. So neither a clock that jumps nor a machine that sleeps makes anybody idle.
    """

    def __init__(
        self,
        ledger: RunningTime,
        live: LiveSessions,
        cleanup: Cleanup,
        rules: ReaperRules,
        *,
        tasks: OwnedTasks,
        metrics: Metrics,
        tick: float = TICK,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make it.

        Args:
            ledger: knows since when nobody has used a session.
            live: knows who uses one now.
            cleanup: ends one. Before it waits for anything, the session is dead. If it is given a context, it evicts before, and
                logs out within.
            rules: what is reaped, and how fast.
            tasks: take what has begun, for shutdown to wait for.
            metrics: count what was reaped.
            tick: seconds between two ticks. Each stands for `TICK` seconds all the same.
            clock: tells the log how old a session is.
        """
        self._ledger = ledger
        self._live = live
        self._cleanup = cleanup
        self._rules = rules
        self._tasks = tasks
        self._metrics = metrics
        self._tick = tick
        self._clock = clock
        self.reaped = Counter[str]()
        """How many sessions were reaped since the start, by the reason."""
        self.now: int | None = None
        """The ledger's tick; None before the first one."""
        self._places = asyncio.Semaphore(rules.at_once)
        self._reaping: asyncio.Task[object] | None = None
        self._stopped = asyncio.Event()
        self._outage = Outage(
            "the ledger does not work: nobody becomes idle, and nothing is reaped until it does",
            "the ledger works again: idle sessions are reaped",
        )

    def stop(self) -> None:
        """Begin nothing any more; what has begun goes on."""
        self._stopped.set()

    async def run(self) -> None:
        """Let time pass until told to stop. It goes on while sessions are being ended, however long an end system takes."""
        while not await self._is_stopped_within(self._tick):
            now = await self.pass_time()
            if now is not None and (self._reaping is None or self._reaping.done()):
                work = step("reaping", partial(self.reap, now), deadline=LONGEST, late=None, failed=None)
                self._reaping = self._tasks.start(work)

    async def pass_time(self) -> int | None:
        """Let one tick pass, and return how many there were; None if the ledger does not work for now.

        Logins of which nobody knows what they have made are given up when their time is over.
        """
        # Use is written down first, or a kill would make idle time of it.
        if not await self._live.write_notes():
            return None
        try:
            self.now = await in_time(self._ledger.tick())
            await self._let_go(self.now)
        except LedgerUnavailable as problem:
            self._outage.note(str(problem))
            return None
        return self.now

    async def reap(self, now: int) -> None:
        """End all sessions that are beyond their time at this tick."""
        try:
            while await self._reap_some(now):
                pass
            self._outage.note(None)
        except LedgerUnavailable as problem:
            self._outage.note(str(problem))

    async def _is_stopped_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()
        return self._stopped.is_set()

    async def _let_go(self, now: int) -> None:
        for opening in await in_time(self._ledger.let_go_unknown(now - ticks_of(self._rules.login_lifetime) + 1)):
            about = {"session": session_digest(opening.session_id), "end_system": opening.origin}
            log.warning(LET_GO, seconds=self._since(opening.opened_at), **about)

    async def _reap_some(self, now: int) -> bool:
        """End some of the sessions that are beyond their time, and say whether any was ended.

        Raises:
            LedgerUnavailable: it cannot tell for now, or none of the ends could be recorded.
        """
        turns = defaultdict[str, asyncio.Semaphore](partial(asyncio.Semaphore, self._rules.per_origin))
        with self._live.watched() as was_used:
            found = await overdue(self._ledger, self._rules.lifetimes, now, SLICE)
            async with asyncio.TaskGroup() as reaps:
                done = [reaps.create_task(self._tried(each, was_used, turns[each.session.origin])) for each in found]
        results = {each.result() for each in done}
        # The ledger still lists what could not be recorded: a round that ends nothing would go on for ever, without a pause.
        if None in results and True not in results:
            raise LedgerUnavailable(NOTHING_ENDED)
        return True in results

    async def _tried(self, found: Overdue, was_used: WasUsed, turn: asyncio.Semaphore) -> bool | None:
        """Do as `reap_one`, but return None if the ledger fails: no reap ends the others."""
        try:
            return await self.reap_one(found, was_used, turn)
        except LedgerUnavailable:
            return None

    async def reap_one(self, found: Overdue, was_used: WasUsed, turn: asyncio.Semaphore | None = None) -> bool:
        """End a session that nobody uses, and tell whether that was done.

        `was_used` is of a watch that is on; `turn` is the end system's, if it may have several.

        Raises:
            LedgerUnavailable: it could not be recorded. In a fleet, the session goes on; otherwise it ends once that can be done.
        """
        work = partial(self._end, found, was_used, turn)
        report = (await step("reaping a session", work, deadline=LONGEST, late=None, failed=None)).outcome
        if report is None:
            return False
        if not report.recorded:
            raise LedgerUnavailable(NOTHING_ENDED)
        self._tell(found, report)
        return True

    async def _end(self, found: Overdue, was_used: WasUsed, turn: asyncio.Semaphore | None) -> CleanupReport | None:
        if self._live.has_others:
            # Who waits for calls elsewhere takes nobody's place.
            return await self._end_now(found, was_used, partial(self._unused, turn))
        async with self._place(turn):
            return await self._end_now(found, was_used, None)

    @asynccontextmanager
    async def _unused(self, turn: asyncio.Semaphore | None) -> AsyncIterator[None]:
        await self._live.calls_over()
        async with self._place(turn):
            yield

    @asynccontextmanager
    async def _place(self, turn: asyncio.Semaphore | None) -> AsyncIterator[None]:
        # The origin's turn comes first: who waits for one end system takes no place of another.
        async with turn or nullcontext(), self._places:
            yield

    async def _end_now(self, found: Overdue, was_used: WasUsed, once_unused: OnceUnused | None) -> CleanupReport | None:
        """End a session that nobody uses; None if somebody does or has ended it, or if the server ends."""
        session = await self._live.still_open(found.session)
        if session is None or self._stopped.is_set() or not self._live.may_be_ended(session):
            return None
        is_used = was_used(session) or session.used_at > found.session.used_at
        if is_used and found.reason is not Reason.LIFETIME:
            return None
        try:
            # Nothing comes between that answer and the session's death: a call is served whole, or answered 401.
            return await self._cleanup(session, once_unused)
        except BrokenOff:
            return None

    def _tell(self, found: Overdue, report: CleanupReport) -> None:
        self.reaped[found.reason.value] += 1
        self._metrics.observe_reap(found.reason, report)
        log.info(
            "a session that nobody has cleaned up is reaped",
            session=session_digest(found.session.session_id),
            reason=found.reason.value,
            unused_seconds=self._since(found.session.used_at),
            open_seconds=self._since(found.session.opened_at),
            **words_of(report),
        )

    def _since(self, moment: float) -> int:
        return max(0, round(self._clock() - moment))
