"""Transactions of a replica: one connection, made anew when it breaks, on which works of many tasks share a commit."""

import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import psycopg
import structlog
from psycopg.pq import PipelineStatus, TransactionStatus

from connector.ledger.keyring import Keyring
from connector.ledger.postgres.address import Address
from connector.ledger.postgres.database_clock import DatabaseClock
from connector.ledger.postgres.dialect import FleetTable
from connector.ledger.postgres.fitness import must_be_fit
from connector.ledger.postgres.history import History
from connector.ledger.postgres.layouts import MARKER, migrate
from connector.ledger.postgres.owners import GoneOwner, OwnRow, Prologue, remove
from connector.ledger.postgres.preparing import forget_prepared
from connector.ledger.postgres.sent_together import Statements
from connector.ledger.postgres.standstill import Standstill, StandstillWatch
from connector.ledger.postgres.tables import USE_APART
from connector.ledger.postgres.trouble import refused, stays, told
from connector.ledger.sql import ticks
from connector.ledger.sql.table import Term
from connector.model.debts import Debt
from connector.model.errors import LedgerUnavailable
from drivers import DriverError
from drivers.cancellation import cancelled_only_if_asked
from drivers.group_commit import GroupCommit, Job, do_together
from drivers.shared import another
from drivers.threads import ThreadOfItsOwn

Item = TypeVar("Item")
T = TypeVar("T")
log = structlog.get_logger(__name__)

OF_THE_DATABASE = (psycopg.OperationalError, LedgerUnavailable)
"""Errors that all works of a batch would meet again."""
CERTAIN = 0.5
"""The part of a claim for which an owner that was heard may rely on its claims without a look."""
PAUSE = 1.0
"""Seconds after a try to connect that failed, so that a server that is down is not asked for every request."""


class FleetTransactions:
    """What `Operations` needs, once it is open. Everything that it does with the database happens in one thread at a time."""

    def __init__(
        self,
        address: Address,
        keyring: Keyring,
        standstill: Standstill,
        *,
        clock: DatabaseClock,
        quarantined: Callable[[Debt], None],
        lost_track: Callable[[], None],
        claim_again: Callable[[FleetTable], None],
    ) -> None:
        """`quarantined` is told of each row that a transaction has put there, `lost_track` if evictions may be unknown.

        `claim_again` claims what is in hand, in a transaction whose database has forgotten commits.
        """
        self._address = address
        self._keyring = keyring
        self._quarantined = quarantined
        self._untold: deque[Debt] = deque()
        """Rows that the last transactions have put in quarantine, until the event loop's thread tells of them."""
        self._standstill = standstill
        self._watch = StandstillWatch(standstill)
        self._owner = OwnRow(self._watch)
        self.history = History(clock)
        self._clock = clock
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = ThreadOfItsOwn("the ledger's database")
        self._acknowledged = b"", -math.inf
        """The word of this owner in its last transaction that was committed, and when that began."""
        self.freed_tries = 0
        """How many debts others were trying when this owner took them for gone."""
        self._warned = False
        self._connect_after = 0.0
        self._group: GroupCommit | None = None
        self._tick: tuple[tuple[Any, ...], int] | None = None
        """The row of the counter that was verified last, and its number."""
        self._has_lost_track = False
        self._lost_track = lost_track
        self._claim_again = claim_again

    async def open(self) -> bool:
        """Connect, make the tables what they are today, and tell whether the ledger is new. Raises `ConfigurationError`."""
        try:
            is_new = await self._thread.run(self._prepare)
        except psycopg.Error as problem:
            raise refused(problem) from problem
        self._group = GroupCommit("the ledger", self._commit, self._explained)
        return is_new

    async def aclose(self) -> None:
        """Commit what waits, free what this owner has claimed, and close. A second call does nothing."""
        group, self._group = self._group, None
        if group is not None:
            await group.finish()
            await self._thread.run(self._leave)
        self._thread.end()

    def together(self, do: Callable[[FleetTable, Sequence[Item]], Sequence[T]]) -> Callable[[Item], Awaitable[T]]:
        """Return a function that runs `do` with an item, together with all others that wait, as in `Transactions`."""

        async def submit(item: Item) -> T:
            if self._group is None:
                raise LedgerUnavailable("the ledger in the database: closed")
            try:
                return await self._group.submit_item(do, item)
            except DriverError as problem:
                raise LedgerUnavailable(str(problem)) from problem

        return submit

    def has_looked(self) -> None:
        """Tell the others with the next transaction that this owner has looked; see `SharedSessions`."""
        self._owner.looks += 1

    @property
    def certainly_there(self) -> bytes | None:
        """The word of this owner, unless it has been silent for so long that others may take it for gone soon."""
        word, began = self._acknowledged
        return word if self._standstill.clock() - began < CERTAIN * self._standstill.claim else None

    async def keep_reserve(self) -> None:
        """Do nothing: room is the database's to keep."""

    async def relieve(self) -> None:
        """Do nothing, as above."""

    def _prepare(self) -> bool:
        connection = self._connected()
        try:
            is_new = _made_ready(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return is_new

    def _connected(self) -> "psycopg.Connection[Any]":
        connection = self._address.connect()
        connection.add_notice_handler(self._note)
        return connection

    def _note(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self._warned |= diagnostic.severity_nonlocalized == "WARNING"

    async def _commit(self, batch: Sequence[Job[Any, Any]]) -> None:
        await self._thread.run(partial(self._commit_batch, batch))
        while self._untold:
            self._quarantined(self._untold.popleft())
        if self._has_lost_track:
            self._lost_track()

    def _commit_batch(self, batch: Sequence[Job[Any, Any]]) -> None:
        """Commit the batch. If a work fails, each runs in a transaction of its own: an error reaches its own caller only."""
        if not self._committed(batch) and len(batch) > 1 and not isinstance(batch[0].outcome, OF_THE_DATABASE):
            for job in batch:
                self._committed([job])

    def _committed(self, batch: Sequence[Job[Any, Any]]) -> bool:
        """Do the batch in one transaction, and tell whether it was committed. If not, the error is everybody's outcome."""
        began = self._standstill.clock()
        try:
            with cancelled_only_if_asked:
                connection, seen = self._begun()
                table = self._table(connection, seen)
                if self.history.enter(table, seen):
                    self._has_lost_track = True
                    self._claim_again(table)
                do_together(_awaited(batch), table)
                self._end(table.commit)
                self._acknowledged = self._owner.word, began
                self.history.acknowledged()
                self._untold.extend(table.quarantined)
                self._tell_of(seen.gone)
        except Exception as problem:  # noqa: BLE001 - the boundary of a transaction: its callers get to see it
            for job in batch:
                job.outcome = problem
            self._watch.ended(is_answered=self._rolled_back())
            return False
        self._watch.ended(is_answered=True)
        return True

    def _tell_of(self, gone: Sequence[GoneOwner]) -> None:
        for owner in gone:
            self.freed_tries += owner.tries
            log.warning(
                "a server that shares the ledger is gone: others do what it owed, and may repeat a logout that it was trying",
                server=owner.name,
                tried=owner.tries,
                unknown_logins=owner.logins,
                unknown_refreshes=owner.refreshes,
            )

    def _begun(self) -> "tuple[psycopg.Connection[Any], Prologue]":
        """Begin a transaction, on another connection if this one has broken meanwhile: nothing was sent by it yet."""
        self._watch.began()
        if self._connection is not None:
            try:
                return self._connection, self._begun_on(self._connection)
            except psycopg.OperationalError:
                if not self._is_broken:
                    raise
        self._connection = self._reconnected()
        return self._connection, self._begun_on(self._connection)

    def _begun_on(self, connection: "psycopg.Connection[Any]") -> Prologue:
        asked = time.time()
        seen = self._owner.begin(connection)
        self._clock.saw(seen.moment, asked=asked, answered=time.time())
        return seen

    def _reconnected(self) -> "psycopg.Connection[Any]":
        if time.monotonic() < self._connect_after:
            raise LedgerUnavailable("the ledger's database cannot be reached; it is tried again each second")
        if self._connection is not None:
            self._connection.close()
        try:
            return self._connected()
        except psycopg.Error:
            self._connect_after = time.monotonic() + PAUSE
            raise

    def _table(self, connection: "psycopg.Connection[Any]", seen: Prologue) -> FleetTable:
        self._has_lost_track = seen.has_lost_track
        me, *others = seen.owners
        looks: dict[Hashable, int] = {word: row.looks for word, row in seen.owners.items()}
        term = Term(me, 0, tuple(others), seen.layout >= USE_APART, looks)
        table = FleetTable(Statements(connection), self._keyring, term=term)
        if seen.tick is None or self._tick is None or self._tick[0] != seen.tick[:3]:
            number = ticks.read(table)
            self._tick = None if seen.tick is None else (seen.tick[:3], number)
        else:
            number = self._tick[1]
        table.term = replace(term, tick=number)
        return table

    def _end(self, commit: Callable[[], str | None]) -> None:
        """Commit. Whatever is not clearly committed is unknown: a repeat finds out."""
        self._warned = False
        if commit() != "COMMIT" or self._warned:
            raise LedgerUnavailable("nobody knows whether the ledger's database has kept this: it has not said so")

    def _rolled_back(self) -> bool:
        """Leave the transaction, and tell whether the database has answered.

        A connection that broke while several statements were under way may go on refusing each one, and not call itself broken.
        """
        if self._connection is None or self._connection.closed:
            return False
        is_stuck = self._connection.pgconn.pipeline_status != PipelineStatus.OFF
        if not is_stuck and self._connection.info.transaction_status is TransactionStatus.IDLE:
            return False
        try:
            self._connection.execute("ROLLBACK")
            forget_prepared(self._connection)
        except psycopg.Error:
            self._connection.close()
        return not self._is_broken

    @property
    def _is_broken(self) -> bool:
        return self._connection is None or self._connection.closed

    def _explained(self, problem: Exception) -> Exception:
        if isinstance(problem, psycopg.Error):
            return LedgerUnavailable(f"the ledger's database: {told(problem)}", stays=stays(problem))
        return another(problem)

    def _leave(self) -> None:
        """Free what this owner has claimed, and write again what was forgotten. If that fails, its claims end by themselves."""
        if self._connection is not None:
            try:
                connection, seen = self._begun()
                table = self._table(connection, seen)
                self.history.enter(table, seen)
                remove(connection, self._owner.word)
                self._end(table.commit)
            except (psycopg.Error, LedgerUnavailable) as problem:
                said = told(problem) if isinstance(problem, psycopg.Error) else str(problem)
                log.warning("the replica's claims were not freed; others take them over after some seconds", reason=said)
            self._connection.close()
            self._connection = None


def _made_ready(connection: "psycopg.Connection[Any]") -> bool:
    must_be_fit(connection, marker=MARKER)
    return migrate(connection)


def _awaited(batch: Sequence[Job[Any, Any]]) -> Sequence[Job[Any, Any]]:
    """Return the works whose callers have not given up, to be asked once this transaction is the only one.

    OpsHub may have been answered 503 since, and have opened the session anew at another replica: what comes late must not end it.
    Whoever gives up later does so before any other transaction.
    """
    return [job for job in batch if not job.done.cancelled()]
