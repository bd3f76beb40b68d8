"""The ledger: what is owed is durable before it is tried, and stays until it is done or a human says otherwise."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar, cast

import structlog

from connector.ledger.keyring import Keyring
from connector.ledger.port import Ledger
from connector.ledger.sqlite import held, housekeeping, recording, selection, session_rows
from connector.ledger.sqlite.file import LedgerFile
from connector.ledger.sqlite.selection import Claimed
from connector.ledger.sqlite.table import Table
from connector.model.cleanup import CleanupRequest, Missed
from connector.model.credential import Credential
from connector.model.debts import Debt, Group, LogoutState, Sorted, Totals
from connector.model.errors import ConfigurationError, LedgerUnavailable
from connector.model.outcomes import LogoutOutcome
from connector.model.sessions import Known, OpenSession, Replaced
from connector.model.transitions import Asked, Settlement
from connector.runtime.supervision import supervised
from drivers.sqlite_writer import one_by_one

Item = TypeVar("Item")
T = TypeVar("T")
log = structlog.get_logger(__name__)

TIDY_EVERY = 15.0
"""Seconds between two rounds of tidying up: the longest that an erased credential's old page stays in the write-ahead log."""
SLICE = 200
"""Rows that one transaction of tidying up touches: some milliseconds."""


class SqliteLedger(Ledger):
    """What is owed, in one SQLite file that one process owns."""

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
        self._claims: dict[int, str] = {}
        """The debts that are being tried, by id, with their origins: the file has one owner, whose claims end with it."""
        self._claiming = asyncio.Lock()
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
        self._claims.clear()
        await self._file.aclose()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["SqliteLedger"]:
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
        await self._file.keep_reserve()
        now = self._clock()
        return await self._record(Asked(request, origin, drivers, now, now + self._grace, logins))

    async def record_late(self, missed: Missed) -> None:
        await self._file.keep_reserve()
        now = self._clock()
        await self.transact(lambda table: recording.record_late(table, missed, now=now))

    async def end_login(self, session: OpenSession, *, being_tried: bool = False) -> Debt | None:
        now = self._clock()
        due_at = now + self._grace if being_tried else now
        return await self.transact(lambda table: session_rows.end_login(table, session, now=now, due_at=due_at))

    async def forget(self, debt: Debt) -> bool:
        return await self.transact(lambda table: recording.forget(table, debt))

    async def open_session(self, session: OpenSession, replaced: Replaced | None, *, drivers: Sequence[str]) -> Debt | None:
        now = self._clock()
        return await self.transact(lambda table: session_rows.open_or_replace(table, session, replaced, drivers=drivers, now=now))

    async def known_sessions(self) -> Known:
        return await self.transact(session_rows.known)

    async def is_closed(self, session_id: str, login_id: str, credential: Credential | None) -> bool:
        return await self.transact(lambda table: session_rows.is_debt(table, session_id, login_id, credential))

    async def origin_of(self, session_id: str, login_id: str) -> str | None:
        return await self.transact(lambda table: session_rows.origin_of(table, session_id, login_id))

    async def note_use(self, used: Mapping[str, float]) -> None:
        await self.transact(partial(session_rows.note_use, used=used))

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
        now = self._clock()
        settlement = Settlement(debt, state, outcome, due_at=due_at, waited=waited, evicted=evicted, now=now)
        try:
            return await self._settle(settlement)
        except LedgerUnavailable:
            await self._file.relieve()
            return await self._settle(settlement)

    async def claim_due(self, now: float, *, per_origin: int, limit: int) -> list[Debt]:
        async with self._claiming:
            claimed = self._claimed(per_origin)
            found = await self.transact(lambda table: selection.due(table, now, claimed, limit=limit, after=self._turn))
            self._turn = found[-1].origin if found else ""
            self._claims |= {debt.id: debt.origin for debt in found}
            return found

    async def release(self, debt: Debt) -> None:
        self._claims.pop(debt.id, None)

    async def next_due(self, now: float, *, per_origin: int = sys.maxsize) -> float | None:
        claimed = self._claimed(per_origin)
        return await self.transact(lambda table: selection.next_due(table, now, claimed))

    def _claimed(self, per_origin: int) -> Claimed:
        """Return a copy: the transaction looks at it in another thread."""
        return Claimed(per_origin, {**self._claims})

    async def owed_evictions(self, driver: str, *, after: int = 0, limit: int = 1000) -> list[Debt]:
        return await self.transact(lambda table: housekeeping.owed_evictions(table, driver, after=after, limit=limit))

    async def listing(
        self, *, states: Collection[LogoutState] | None = None, system: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[Debt]:
        return await self.transact(lambda table: housekeeping.listing(table, states, system, after=after, limit=limit))

    async def debt(self, id_: int) -> Debt:
        return await self.transact(lambda table: housekeeping.debt(table, id_))

    async def make_due(self, id_: int, *, here: str | None = None) -> Debt:
        return await self.transact(lambda table: recording.make_due(table, id_, now=self._clock(), here=here))

    async def actionable(self, id_: int) -> Debt:
        return await self.transact(partial(recording.actionable, id_=id_))

    async def groups(self) -> list[Group]:
        return await self.transact(held.groups)

    async def one_of(self, group: Group) -> list[Debt]:
        return await self.transact(partial(held.one_of, group=group))

    async def next_of(self, group: Group, *, after: int) -> list[Debt]:
        return await self.transact(partial(held.next_of, group=group, after=after))

    async def sort(self, changed: Sequence[Sorted]) -> None:
        now = self._clock()
        await self.transact(partial(recording.sort, changed=changed, now=now))

    async def held_back(self) -> dict[str, int]:
        return await self.transact(held.held_back)

    async def dismiss(self, id_: int, reason: str) -> None:
        await self.transact(lambda table: recording.dismiss(table, id_, reason, now=self._clock()))

    async def statistics(self) -> Totals:
        return await self.transact(housekeeping.totals)

    async def let_go(self) -> None:
        """Make due at once what the last process had in hand, for at a start nothing is; `opened` does this by itself."""
        now = self._clock()
        while slice_ := dict(islice(self._left_in_hand.items(), SLICE)):
            await self.transact(partial(housekeeping.let_go, revisions=slice_, now=now))
            for id_ in slice_:
                self._left_in_hand.pop(id_, None)

    async def track_regained(self) -> None:
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
