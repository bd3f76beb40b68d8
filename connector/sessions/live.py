"""Which sessions are alive, as far as this process knows. In memory, because every call of a session asks."""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import ClassVar

import structlog

from connector.ledger.bookkeeping import DEADLINE, in_time
from connector.ledger.port import KnownSessions
from connector.model.cleanup import Missed
from connector.model.errors import LedgerUnavailable
from connector.model.outcomes import LogoutOutcome
from connector.model.sessions import Current, Known, OpenSession, Use
from connector.runtime.outages import Outage
from connector.sessions.background import Background
from connector.sessions.closings import Closings
from connector.sessions.seal import Sealed
from connector.sessions.unrecorded import Unrecorded
from drivers import Stamp

log = structlog.get_logger(__name__)

NOTE_EVERY = 15.0
"""Seconds between two records of when sessions were used."""
SLICE = 200
"""Sessions that one transaction records as used: some milliseconds."""
FOREIGN = 10_000
"""Sessions of other processes that are remembered as alive. For any other, the ledger is asked."""


class LiveSessions:
    """The open sessions of this process's ledger, and what happened here to others.

    A session of another process is alive unless it was cleaned up here. If it was cleaned up or opened anew elsewhere, this
    process cannot know. `FleetSessions` is for a ledger that several processes share.
    """

    must_evict: ClassVar[bool] = False
    """Whether a session is opened anew only if all that it has cached until now is surely evicted."""
    has_others: ClassVar[bool] = False
    """Whether other processes let in calls of the same sessions."""

    def __init__(self, ledger: KnownSessions, clock: Callable[[], float] = time.time) -> None:
        self._ledger = ledger
        self._clock = clock
        self.unrecorded = Unrecorded()
        """What happened to sessions here and could not be recorded."""
        self._closing = Closings()
        self.ledger_id = b""
        self.ledger_ids = frozenset[bytes]()
        """Which ledgers' seals are of sessions that this one knows: those of its own, and of those that have moved into it."""
        self._logins: dict[str, str] = {}
        self._rows: dict[str, tuple[str, ...]] = {}
        """Session id -> ids of the logins that may have a row: from before the ledger is told until the row is gone.

        Logins that are under way are among them.
        """
        self._ended_rows: dict[str, tuple[str, ...]] = {}
        """The same of logins by which no session is opened any more: a cleanup has ended them, or they have no key."""
        self._foreign: OrderedDict[str, str] = OrderedDict()
        self._closings = 0
        self._used: dict[str, Use] = {}
        """Session id -> when it was used last, unless the ledger has recorded that by now."""
        self._calls = Counter[tuple[str, str]]()
        """How many calls run, by the ids of their session and its login; a login without any has no entry."""
        self.background = Background(self._forget_requests)
        """Work in the background. It counts as no use: a session that OpsHub has forgotten must not live on by it."""
        self._watches: tuple[set[str], ...] = ()
        """For each watch that is on, the sessions that were used since it began."""
        self._writing = asyncio.Lock()
        self._notes = Outage(
            "the ledger cannot record the use of sessions; it is tried again until it can",
            "the use of sessions is recorded again",
        )
        self.refreshing: dict[str, asyncio.Task[None]] = {}
        """Refreshes that run, by the id of the login: the end system may have replaced its credential by now."""
        self.latest: dict[str, int] = {}
        """Login id -> number of the request to whose answer its credential belongs, or that was the first to carry it. Kept as
        long as the session is open by this login, or a call or work of it runs."""
        self.carried: dict[str, int] = {}
        """Login id -> version of the credential that a request has carried last, unless it is that of the seal; kept so, too."""
        self._renewed: dict[str, Current] = {}
        """Login id -> its credential if its seal holds an older one, until its row is gone: a cleanup may be unrecorded."""

    async def load(self) -> None:
        """Learn from the open ledger which sessions are open. Raises `ConfigurationError` if it does not say."""
        try:
            known = await self._ledger.known_sessions()
        except LedgerUnavailable as problem:
            raise problem.refusal("ledger") from problem
        self.ledger_id = known.ledger_id
        self.ledger_ids = frozenset([known.ledger_id, *known.adopted])
        self._remember(known)
        _warn_of(known)

    def _remember(self, known: Known) -> None:
        """Keep in memory which sessions are open."""
        self._logins = dict(known.logins)
        self._renewed = {known.logins[session_id]: current for session_id, current in known.renewed.items()}
        self._rows = {id_: (login,) for id_, login in self._logins.items()}
        self._ended_rows = dict(known.earlier)

    def __len__(self) -> int:
        """Return how many sessions are open here."""
        return len(self._logins)

    def is_open_here(self, session_id: str) -> bool:
        """Tell whether the session was opened in this ledger, and not closed since."""
        return session_id in self._logins

    async def owes_eviction(self, session_id: str) -> bool:  # noqa: ARG002 - of none
        """Tell whether another process may still serve a login of the session that has ended, because it was not evicted yet."""
        return False

    async def is_open_elsewhere(self, session_id: str) -> bool:  # noqa: ARG002 - for those who share their ledger
        """Tell whether another process has opened the session, and nobody has closed it. Raises `LedgerUnavailable`.

        This question and those below set their own deadlines.
        """
        return False

    def login_of(self, session_id: str) -> str | None:
        """Return the id of the login by which a session is open here; None if it is not."""
        return self._logins.get(session_id)

    async def login_now(self, session_id: str) -> str | None:
        """Return the id of the login by which a session is open; None if it is not. Raises `LedgerUnavailable`."""
        return self.login_of(session_id)

    def may_be_closed(self, session: OpenSession) -> bool:
        """Tell whether a session that the ledger has just shown is still open by this login, as far as this process knows."""
        return self._logins.get(session.session_id) == session.login_id

    def current(self, sealed: Sealed) -> Current:
        """Return the newest credential of a seal's login that is durable, as far as this process knows."""
        return self._renewed.get(sealed.login_id) or Current(sealed.credential, 0)

    async def refreshed(self, login_id: str) -> None:
        """Wait until a refresh of a login that is running is recorded, at most `DEADLINE` seconds."""
        if login_id in self.refreshing:
            await asyncio.wait([self.refreshing[login_id]], timeout=DEADLINE)

    def is_being_refreshed(self, login_id: str) -> bool:
        """Tell whether a refresh of a login runs, so that its end system may not know the present credential any more."""
        return login_id in self.refreshing

    def renewed(self, sealed: Sealed, current: Current) -> None:
        """Note that the credential of a login was renewed, also in the ledger."""
        if self.may_have_row_of(sealed):
            self._renewed[sealed.login_id] = current

    async def is_alive(self, sealed: Sealed, stamp: Stamp | None = None) -> bool:  # noqa: ARG002 - for those who share their ledger
        """Tell whether the login of a seal may be used. If it may not, that is final. The caller sets a deadline.

        `stamp` is that of the session, from after the call began; None if the authority could not tell it.

        Raises:
            LedgerUnavailable: it cannot tell for now, or cannot record that the session is closed.
        """
        # Opened in this ledger: memory knows all of its sessions, and the ledger need not be asked.
        if sealed.ledger_id in self.ledger_ids:
            if self._logins.get(sealed.session_id) == sealed.login_id:
                return True
            await self._closing.durable(sealed.login_id)
            return False
        if self._foreign.get(sealed.session_id) == sealed.login_id:
            return True
        if self.unrecorded.has_closed(sealed.session_id, sealed.login_id):
            raise LedgerUnavailable("it cannot record for now that the session is closed")
        # A cleanup that is received during the question below would be missed without this number.
        closings = self._closings
        closed = await self._ledger.is_closed(sealed.session_id, sealed.login_id, sealed.credential)
        if not closed and closings == self._closings:  # or a cleanup came while the ledger was asked
            self._remember_foreign(sealed)
        return not closed

    async def origin_of(self, sealed: Sealed) -> str | None:
        """Return the place where a session's login was made, None if this ledger does not know it. Raises `LedgerUnavailable`."""
        session = await self._ledger.open_by(sealed.session_id, sealed.login_id)
        return None if session is None else session.origin

    async def still_open(self, session: OpenSession) -> OpenSession | None:
        """Return as it is now a session that the ledger has shown a while ago, None if it is not open by this login.

        Raises:
            LedgerUnavailable: it cannot tell for now.
        """
        return session  # of what happened since, memory knows

    async def calls_over(self) -> None:
        """Wait some seconds at most until no call of a login runs that was ended by now, durably and in the authority."""

    def may_have_row(self, session_id: str) -> bool:
        """Tell whether the ledger may have a row of the session, so that it has to be told of a cleanup."""
        return session_id in self._rows or session_id in self._ended_rows

    async def may_have_row_beside(self, session_id: str, login_id: str | None) -> bool:
        """Tell whether the ledger may have a row of another login of the session. Raises `LedgerUnavailable`."""
        return session_id in self._ended_rows or any(other != login_id for other in self._rows.get(session_id, ()))

    def may_have_row_of(self, sealed: Sealed) -> bool:
        """Tell whether the ledger may have a row of this login."""
        return any(sealed.login_id in rows.get(sealed.session_id, ()) for rows in (self._rows, self._ended_rows))

    def beginning(self, session_id: str, login_id: str) -> None:
        """Note that the ledger is about to be told of a login. Whether it was may remain unknown."""
        # Noted before the ledger is told: whatever becomes of the record, a cleanup has to look for the row.
        self._rows[session_id] = (*self._rows.get(session_id, ()), login_id)

    def may_open(self, session_id: str, login_id: str) -> bool:
        """Tell whether a session may be opened by this login: no cleanup came here since it has begun, and no later login."""
        return login_id in self._rows.get(session_id, ())

    def rows_gone(self, session_id: str, logins: Collection[str]) -> None:
        """Note that the rows of these logins are durably gone, or that the ledger has marked them as ended.

        The session is open by none of them any more: what is open has a row, which its next cleanup has to name.
        """
        if self._logins.get(session_id) in logins:
            self._forget_login(session_id)
        for login in logins:
            self._renewed.pop(login, None)
        self._closing.recorded(logins)
        for rows in (self._rows, self._ended_rows):
            if left := tuple(login for login in rows.pop(session_id, ()) if login not in logins):
                rows[session_id] = left

    def opened(self, session: OpenSession) -> None:
        """Note that a session is open, also in the ledger, and not by its earlier login any more.

        The caller opens a session's logins in the order in which the ledger does.
        """
        if (earlier := self._logins.get(session.session_id)) is not None:
            self.rows_gone(session.session_id, [earlier])
        self.background.end(session.session_id)
        self._logins[session.session_id] = session.login_id
        self._foreign.pop(session.session_id, None)

    async def forget_replaced(self, session_id: str) -> bool:
        """Forget by which login a session is open if the ledger has recorded another one unnoticed, and tell whether it had.

        The caller sets a deadline. Raises `LedgerUnavailable`.
        """
        login_id = self._logins.get(session_id)
        if login_id is None or await self._ledger.open_by(session_id, login_id) is not None:
            return False
        if self._logins.get(session_id) == login_id:  # or somebody else has noticed meanwhile
            self.rows_gone(session_id, [login_id])
        return True

    def ended(self, session: OpenSession) -> None:
        """Note that this login of a session has failed. A login that has replaced it is left alone."""
        if self._logins.get(session.session_id) == session.login_id:
            self._forget_login(session.session_id)

    def closing(self, session_id: str, spared: str | None = None, only: str | None = None) -> tuple[str, ...]:  # noqa: ARG002 - as above
        """Note that a cleanup of the session was received. From now on the session is dead.

        A login with the id that is `spared` may still open it. Returns the ids of the logins that have to be ended. A login that
        is opened later is another life. With `only`, that login is meant, and whatever another process has made stays as it is.
        """
        # Counted for all sessions together: it is only compared for equality, and a needless question costs little.
        self._closings += 1
        self.background.end(session_id)
        if (login_id := self._forget_login(session_id)) is not None:
            self._closing.begun(login_id)
        self._foreign.pop(session_id, None)
        rows = self._rows.pop(session_id, ())
        if spared is not None and spared in rows:
            self._rows[session_id] = (spared,)
            rows = tuple(login for login in rows if login != spared)
        logins = (*self._ended_rows.get(session_id, ()), *rows)
        if logins:
            self._ended_rows[session_id] = logins
        return logins

    def ended_by_record(self, logins: Collection[str], only: str | None = None) -> Collection[str] | None:  # noqa: ARG002 - as above
        """Return the logins that the ledger is told to end with a cleanup, of those that `closing` has named; None for all.

        With `only`, a login that somebody was shown is meant, and none that another process may have made since.
        """
        return logins

    def owed_late(self, drivers: Sequence[str], evicted: Collection[str]) -> list[str]:
        """Return which drivers have to evict once a cleanup is recorded that could not be when it came."""
        return [name for name in drivers if name not in evicted]

    def keep_cleanup(self, left: Missed, outcome: LogoutOutcome | None, *, is_reap: bool = False) -> None:  # noqa: ARG002
        """Keep what is left of a cleanup that the ledger could not take; see `Unrecorded`.

        Nobody has asked for one that `is_reap`. It is kept all the same: memory has its session as dead, and may not revive
        it, because the record may have taken effect without an answer.
        """
        self.unrecorded.keep_cleanup(left, outcome)
        self._closing.not_recorded(left.logins)

    def call_begins(self, sealed: Sealed) -> None:
        """Count a call. As long as it runs, its session is in use. Tell before anything is awaited that shows it alive."""
        self._calls[sealed.session_id, sealed.login_id] += 1

    def call_ends(self, sealed: Sealed) -> None:
        """Count a call no more."""
        key = (sealed.session_id, sealed.login_id)
        self._calls[key] -= 1
        if not self._calls[key]:
            del self._calls[key]
            self._forget_requests(*key)

    def note_call(self, sealed: Sealed) -> None:
        """Note that a call of a session has begun, which is use; it is recorded later, with others."""
        self._note_use(sealed.session_id, sealed.login_id, calls=1)

    def note_use(self, sealed: Sealed) -> None:
        """Note that a session is in use by its login; it is recorded later, with others."""
        self._note_use(sealed.session_id, sealed.login_id)

    def note_answered(self, session_id: str, login_id: str) -> None:
        """Note that OpsHub was given the seal of a login; it is recorded later, with what was used."""
        self._note_use(session_id, login_id)

    def _note_use(self, session_id: str, login_id: str, calls: int = 0) -> None:
        if self._logins.get(session_id) == login_id:
            known = self._used.get(session_id)
            calls += 0 if known is None else known.calls
            self._used[session_id] = Use(login_id, self._clock(), calls)
            for seen in self._watches:
                seen.add(session_id)

    @contextmanager
    def watched(self) -> Iterator[Callable[[OpenSession], bool]]:
        """Notice each use while the context is open, and give what tells whether a session was used.

        So it was if its use was not recorded yet when the watch began.
        """
        # A use that is recorded meanwhile is in memory no more, and was perhaps too late for what the watcher has read.
        seen = {*self._used}
        self._watches = (*self._watches, seen)
        try:
            yield lambda session: session.session_id in seen
        finally:
            self._watches = tuple(each for each in self._watches if each is not seen)

    def may_be_ended(self, session: OpenSession) -> bool:
        """Tell whether a session is open by this login, no call of it runs, and nobody opens it anew.

        Only the step that asks may rely on it: whatever is awaited, another call may begin.
        """
        session_id, login_id = session.session_id, session.login_id
        is_open = self._logins.get(session_id) == login_id
        return is_open and self._rows.get(session_id) == (login_id,) and (session_id, login_id) not in self._calls

    def loops(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """Yield what runs for as long as the application, with its name."""
        yield "use of sessions", self.keep_notes

    async def keep_notes(self) -> None:
        """Record for ever, now and then, when sessions were used."""
        while True:
            await asyncio.sleep(NOTE_EVERY)
            await self.write_notes()

    async def write_notes(self) -> bool:
        """Record when sessions were used, and tell whether that could be done. What could not is left for the next time.

        A call that runs is use, however long it takes.
        """
        async with self._writing:  # what two of them record at once would be counted twice
            return await self._write_notes()

    async def _write_notes(self) -> bool:
        for session_id, login_id in self._calls:
            self._note_use(session_id, login_id)
        # Those of this moment, because there are always some more on a busy day.
        waiting = iter([*self._used.items()])
        try:
            while used := dict(islice(waiting, SLICE)):
                await in_time(self._ledger.note_use(used))
                self._forget_written(used)
            self._notes.note(None)
        except LedgerUnavailable as problem:
            self._notes.note(str(problem))
            return False
        return True

    def _forget_written(self, used: Mapping[str, Use]) -> None:
        """Forget notes that are written, except of what was used again meanwhile."""
        for session_id, use in used.items():
            known = self._used.get(session_id)
            if known is use:
                del self._used[session_id]
            elif known is not None and known.login_id == use.login_id:
                self._used[session_id] = replace(known, calls=known.calls - use.calls)

    def _forget_login(self, session_id: str) -> str | None:
        """Note that a session is not open by its login any more, nor was used by it. Return the login's id, if there was one."""
        self._used.pop(session_id, None)
        if (login_id := self._logins.pop(session_id, None)) is not None:
            self.background.end(session_id, login_id)
            self._forget_requests(session_id, login_id)
        return login_id

    def _forget_requests(self, session_id: str, login_id: str) -> None:
        """Forget the numbers of a login's requests once no answer can come any more."""
        login = session_id, login_id
        if self._logins.get(session_id) != login_id and login not in self._calls and login not in self.background:
            self.latest.pop(login_id, None)
            self.carried.pop(login_id, None)

    def _remember_foreign(self, sealed: Sealed) -> None:
        self._foreign[sealed.session_id] = sealed.login_id
        if len(self._foreign) > FOREIGN:
            # A bound, because sessions of other processes are not loaded from a ledger, and never counted.
            self._foreign.popitem(last=False)


def _warn_of(known: Known) -> None:
    """Tell a person what a ledger knows and nobody can do anything about but them."""
    if known.keyless:
        message = "open sessions need a key that is not in the keyring: nobody can end them until it is put back"
        log.warning(message, sessions=known.keyless)
    if known.older_keys:
        message = "open sessions need older keys: leave these in the keyring until the sessions are closed"
        log.warning(message, sessions_by_key=dict(known.older_keys))
    if known.damaged:
        log.error(
            "open sessions with rows that do not verify count as closed; their seals still end them", sessions=known.damaged
        )
    if known.unknown:
        where = "`connector sessions list --state unknown`"
        message = f"nobody knows what some logins have made: end those that are in the end system; {where}"
        log.warning(message, logins=known.unknown)
