"""The ledger: what is owed is durable before it is tried, and stays until it is done or a human says otherwise."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar, cast

import structlog

from connector.ledger.errors import LedgerUnavailable
from connector.ledger.keyring import Keyring
from connector.ledger.open_sessions import OpenSession
from connector.ledger.sqlite import housekeeping, recording, selection, sessions
from connector.ledger.sqlite.file import LedgerFile
from connector.ledger.sqlite.recording import FURTHEST, Asked, Missed, Settlement
from connector.ledger.sqlite.selection import InHand
from connector.ledger.sqlite.table import Table
from connector.model.cleanup import CleanupRequest
from connector.model.debts import Debt, LogoutState, Totals
from connector.model.errors import ConfigurationError
from connector.model.outcomes import LogoutOutcome
from connector.runtime.supervision import supervised
from drivers.sqlite_writer import one_by_one

Item = TypeVar("Item")
T = TypeVar("T")
log = structlog.get_logger(__name__)

TIDY_EVERY = 15.0
"""Seconds between two rounds of tidying up: the longest that an erased credential's old page stays in the write-ahead log."""
SLICE = 200
"""Rows that one transaction of tidying up touches: some milliseconds."""


class Ledger:
    """What is owed, in one SQLite file that one process owns. Every call may be made from any number of tasks at once.

    A call that is cancelled either took effect or did not. Deadlines are the caller's. Every call raises `LedgerUnavailable` if
    it could not be made durable, or not be read.
    """

    def __init__(
        self,
        path: Path,
        keyring: Keyring,
        *,
        grace: float,
        keep_closed: float = 86_400,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = LedgerFile(path, keyring)
        self._keyring = keyring
        self._record = self._together(recording.record)
        self._settle = self._together(recording.settle)
        self._transact = self._together(one_by_one)
        self._grace = grace
        self._keep_closed = keep_closed
        self._clock = clock
        self._turn = ""
        """The origin that was looked at last, so that each has its turn."""
        self._verified = 0
        """The row that was verified last by `tidy`."""
        self._left_in_hand: dict[int, int] = {}
        """Debts that the last process had in hand when it ended, and their revisions."""
        self.lost_track = False
        """Whether evictions that were owed may be unknown: a row, or the file, was damaged. All that is cached has to be
        invalidated, and `track_regained` called; until then it stays true, across restarts."""

    async def open(self) -> None:
        """Make the file ready and take hold of it.

        Raises:
            ConfigurationError: another process owns it, it is somebody else's, read-only, of a newer version, no ledger at all.
        """
        try:
            await self._file.open(now=self._clock())
            self.lost_track = await self.transact(housekeeping.has_lost_track)
            totals = await self.statistics()
            self._left_in_hand = await self.transact(partial(housekeeping.in_hand, now=self._clock()))
        except LedgerUnavailable as problem:
            raise ConfigurationError([f"ledger.path: {problem}"]) from problem
        if totals.unreadable:
            log.warning("debts in the ledger need a key that is not in the keyring; they are kept", debts=totals.unreadable)

    async def aclose(self) -> None:
        """Finish what is being written and release everything. A second call does nothing."""
        await self._file.aclose()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Ledger"]:
        """Keep the ledger open, and tidy, while the context is."""
        try:
            await self.open()
            async with supervised("tidying the ledger", self._keep_tidy):
                yield self
        finally:
            await self.aclose()

    async def record(
        self, request: CleanupRequest, *, origin: str, drivers: Sequence[str], logins: Collection[str] | None = None
    ) -> Debt:
        """Write down, durably, what a cleanup owes: the logout, and the eviction of its scopes from each of the drivers.

        A login has one row, whatever the number of its cleanups: their evictions add up, and `revision` tells them apart. A
        logout that is closed stays so, its outcome being the answer to a duplicate; any other is owed again, and due when the
        grace is over, so that no retry takes what is being tried right now.

        The session is closed: its rows of these `logins`, or all of them, become debts.

        The debt that is returned is the one to be tried, *with all the evictions it names*.
        """
        await self._file.keep_reserve()
        now = self._clock()
        return await self._record(Asked(request, origin, drivers, now, now + self._grace, logins))

    async def record_late(self, missed: Missed) -> None:
        """Write down, durably, what is left of a cleanup that could not be recorded when it was received. It is due at once."""
        await self._file.keep_reserve()
        now = self._clock()
        await self.transact(lambda table: recording.record_late(table, missed, now=now))

    async def end_login(self, session: OpenSession) -> None:
        """Write down, durably, that nobody will use a login: it is owed at once, unless somebody else ends it or uses it."""
        now = self._clock()
        await self.transact(lambda table: sessions.end_login(table, session, now=now))

    async def settle(
        self,
        debt: Debt,
        *,
        state: LogoutState | None,
        outcome: LogoutOutcome | None = None,
        due_at: float | None = None,
        waited: float | None = None,
        evicted: Collection[str] = (),
    ) -> Debt | None:
        """Write down what became of a try of `debt`, and return how it stands now; None if its row is gone.

        Args:
            debt: as it was when the try began.
            state: whose turn it is with the logout. Closing it erases the credential and is final; otherwise, a debt that another
                cleanup has recorded anew since is left to that one. None leaves the logout altogether as it is.
            outcome: what the end system said, if it was asked; counts as an attempt.
            due_at: when to try again, at most an hour away; None leaves it.
            waited: seconds of scheduled waiting, this one included; None leaves it.
            evicted: the drivers from which *all* of `debt.evictions` were evicted; not counted if another cleanup has recorded
                the debt anew since, for that one's own eviction may be still to come.
        """
        now = self._clock()
        settlement = Settlement(
            debt,
            state=state,
            outcome=outcome,
            due_at=min(debt.due_at if due_at is None else due_at, now + FURTHEST),
            waited=debt.waited if waited is None else waited,
            evicted=frozenset(evicted),
            now=now,
        )
        try:
            return await self._settle(settlement)
        except LedgerUnavailable:
            await self._file.relieve()
            return await self._settle(settlement)

    async def due(self, now: float, in_hand: InHand, *, limit: int) -> list[Debt]:
        """Return at most `limit` debts to be tried now, with their credentials: each origin has its turn, within its room."""
        found = await self.transact(lambda table: selection.due(table, now, in_hand, limit=limit, after=self._turn))
        self._turn = found[-1].origin if found else ""
        return found

    async def next_due(self, now: float, in_hand: InHand) -> float | None:
        """Return when there will be something for `due` to return; None if nothing is owed for which there is room."""
        return await self.transact(lambda table: selection.next_due(table, now, in_hand))

    async def owed_evictions(self, driver: str, *, after: int = 0, limit: int = 1000) -> list[Debt]:
        """Return debts that owe an eviction from this driver, without credentials, ordered by id, from `after` on.

        Fewer than `limit` are all that there are.
        """
        return await self.transact(lambda table: housekeeping.owed_evictions(table, driver, after=after, limit=limit))

    async def listing(
        self, *, states: Collection[LogoutState] | None = None, system: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[Debt]:
        """Return debts without credentials, ordered by id, from `after` on; what is in quarantine counts as waiting.

        Without `states`, those that still owe something, be it only an eviction; without `system`, those of any.
        """
        return await self.transact(lambda table: housekeeping.listing(table, states, system, after=after, limit=limit))

    async def debt(self, id_: int) -> Debt:
        """Return one debt, without its credential. Raises `NoSuchDebt`."""
        return await self.transact(lambda table: housekeeping.debt(table, id_))

    async def retry(self, id_: int, *, here: str | None = None) -> Debt:
        """Make a logout that waits for a human, or for its time, due at once. Raises `NoSuchDebt`.

        `here` is another place than that of its login to which it may be sent from now on; the row keeps it.
        """
        return await self.transact(lambda table: recording.retry(table, id_, now=self._clock(), here=here))

    async def dismiss(self, id_: int, reason: str) -> None:
        """Close a logout that nobody will do; its evictions stay owed. What is unusable is removed. Raises `NoSuchDebt`."""
        await self.transact(lambda table: recording.dismiss(table, id_, reason, now=self._clock()))

    async def statistics(self) -> Totals:
        """Count the rows, from the indices alone."""
        return await self.transact(housekeeping.totals)

    async def let_go(self) -> None:
        """Make due at once what the last process had in hand, for at a start nothing is; `opened` does this by itself."""
        now = self._clock()
        while slice_ := dict(islice(self._left_in_hand.items(), SLICE)):
            await self.transact(partial(housekeeping.let_go, revisions=slice_, now=now))
            for id_ in slice_:
                self._left_in_hand.pop(id_, None)

    async def track_regained(self) -> None:
        """All that was cached has been invalidated: `lost_track` is over."""
        await self.transact(housekeeping.regain_track)
        self.lost_track = False

    async def tidy(self) -> None:
        """Do the housekeeping, in short transactions; `opened` does this by itself.

        Rows that have owed nothing for `keep_closed` seconds are removed, those that were made with an older key are written anew
        with the current one, some more are verified, whether anybody asks for them or not, and the write-ahead log is emptied, so
        that no erased credential stays in it.
        """
        await self.let_go()
        now, more = self._clock(), True
        while more:
            more = await self.transact(lambda table: housekeeping.forget_closed(table, now, keep=self._keep_closed, limit=SLICE))
        more = True
        while more:
            more = await self.transact(lambda table: housekeeping.renew_keys(table, limit=SLICE))
        self._verified = await self.transact(lambda table: housekeeping.patrol(table, after=self._verified, limit=SLICE))
        await self._file.tidy()

    async def transact(self, work: Callable[[Table], T]) -> T:
        """Run `work` in a transaction and return its result once that is durable."""
        return cast("T", await self._transact(work))

    def _together(self, do: Callable[[Table, Sequence[Item]], Sequence[T]]) -> Callable[[Item], Awaitable[T]]:
        """Return what has `do` run as `LedgerFile.together` says, and tells of what it had to put in quarantine."""

        def with_quarantined(table: Table, items: Sequence[Item]) -> list[tuple[T, list[Debt]]]:
            outcomes = do(table, items)
            return [*zip(outcomes, [table.quarantined, *[[]] * (len(outcomes) - 1)], strict=True)]

        submit = self._file.together(with_quarantined)

        async def done(item: Item) -> T:
            outcome, quarantined = await submit(item)
            for debt in quarantined:
                self.lost_track = True
                log.error("a row of the ledger does not verify and was put in quarantine", debt=debt.id, reason=debt.unusable)
            return outcome

        return done

    async def _keep_tidy(self) -> None:
        with suppress(LedgerUnavailable):  # `tidy` tries it again
            await self.let_go()
        while True:
            await asyncio.sleep(TIDY_EVERY)
            try:
                await self.tidy()
            except LedgerUnavailable as problem:
                log.warning("the ledger cannot be tidied up for now", reason=str(problem))
