"""Which sessions of a shared ledger are alive: the ledger decides, and what a process remembers only saves it questions."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from time import monotonic
from typing import ClassVar

from connector.ledger.bookkeeping import in_time
from connector.ledger.port import SharedSessions
from connector.model.cleanup import Missed
from connector.model.errors import LedgerUnavailable
from connector.model.listed import SessionState, Wanted
from connector.model.outcomes import LogoutOutcome
from connector.model.sessions import Current, Known, Login, OpenSession
from connector.runtime.outages import Outage
from connector.sessions.last_calls import LastCalls
from connector.sessions.live import LiveSessions
from connector.sessions.seal import Sealed
from drivers import Stamp

LOOK_EVERY = 1.0
"""Seconds between two looks at which of the remembered sessions were ended elsewhere."""
AT_ONCE = 2_000
"""Logins that one transaction of the ledger compares."""
REMEMBERED = 60.0
"""Seconds without a call after which a session is forgotten here. Its next call asks the ledger."""


class FleetSessions(LiveSessions):
    """The sessions that this process has seen alive lately, of a ledger that others change as well.

    A session counts as alive if the ledger said so under the very stamp that the authority gives for this call. Whoever ends a
    session changes its stamp after the end is durable. So a call that begins after that finds another stamp, and asks.
    """

    must_evict: ClassVar[bool] = True
    has_others: ClassVar[bool] = True

    def __init__(self, ledger: SharedSessions, clock: Callable[[], float], now: Callable[[], float] = monotonic) -> None:
        """`clock` tells when sessions are used; `now` is in seconds, and never set."""
        super().__init__(ledger, clock)
        self._shared = ledger
        self._now = now
        self._stamps: dict[str, Stamp] = {}
        """Session id -> under which stamp it was alive by its remembered login. Without one, the ledger is asked."""
        self._seen: dict[str, float] = {}
        """Session id -> when a call of it was last let in."""
        self._questions: dict[str, dict[object, str]] = {}
        """Session id -> questions to the ledger that are under way, each with the login that it is about.

        The end of a login removes them: they count no more.
        """
        self._last_calls = LastCalls(ledger, now)
        self._looks = Outage(
            "the ledger does not tell which sessions were ended by other processes; it is asked again until it does",
            "the ledger tells again which sessions were ended by other processes",
        )

    def _remember(self, known: Known) -> None:
        """Remember nothing: it might be over by the time of a call."""

    async def is_alive(self, sealed: Sealed, stamp: Stamp | None = None) -> bool:
        """Tell whether the login of a seal may be used; see `LiveSessions`."""
        if sealed.ledger_id not in self.ledger_ids:
            raise LedgerUnavailable("the session is of another ledger, which alone knows whether it is open")
        session_id, login_id = sealed.session_id, sealed.login_id
        if stamp is not None and self._logins.get(session_id) == login_id and self._stamps.get(session_id) == stamp:
            self._seen[session_id] = self._now()
            return True
        while True:
            if self.unrecorded.has_closed(session_id, login_id):
                raise LedgerUnavailable("it cannot record for now that the session is closed")
            with self._asking(session_id, login_id) as counts:
                session = await self._ledger.open_by(session_id, login_id)
                if session is None:
                    return False
                if counts():
                    self._found(session, stamp)
                    return True
            # It was ended here meanwhile, or another login of the session was: that is asked anew.
            await self._closing.durable(login_id)

    async def owes_eviction(self, session_id: str) -> bool:
        """Tell whether what has ended a login of the session is still to be evicted; see `LiveSessions`."""
        return await self._shared.owes_evictions(session_id)

    async def is_open_elsewhere(self, session_id: str) -> bool:
        """Tell whether the session is open; see `LiveSessions`."""
        return await self.login_now(session_id) is not None

    async def login_now(self, session_id: str) -> str | None:
        """Return by which login the session is open; see `LiveSessions`."""
        return await in_time(self._shared.login_now(session_id))

    async def still_open(self, session: OpenSession) -> OpenSession | None:
        """Ask the ledger, because another process may use it or be ending it by now; see `LiveSessions`."""
        return await in_time(self._ledger.open_by(session.session_id, session.login_id))

    async def calls_over(self) -> None:
        """Wait for those of other processes, too; see `LiveSessions`."""
        await self._last_calls.over()

    def may_be_closed(self, session: OpenSession) -> bool:  # noqa: ARG002 - the ledger has shown it
        """Return True: the ledger has just shown it as open."""
        return True

    def may_have_row(self, session_id: str) -> bool:  # noqa: ARG002 - of any
        """Return True: the ledger has to be told of each cleanup, because another process may have opened the session."""
        return True

    async def may_have_row_beside(self, session_id: str, login_id: str | None) -> bool:
        """Tell whether another login of the session is there or under way, in whichever process."""
        if await super().may_have_row_beside(session_id, login_id):
            return True
        states = (SessionState.OPEN, SessionState.OPENING)
        rows = await in_time(self._shared.session_listing(Wanted(states=states, session=session_id)))
        return any(row.login_id != login_id for row in rows)

    def ended_by_record(self, logins: Collection[str], only: str | None = None) -> Collection[str] | None:  # noqa: ARG002 - others
        """Return None: a cleanup ends whatever the session has in the ledger when it is recorded, unless one is meant `only`."""
        return None if only is None else [only]

    def owed_late(self, drivers: Sequence[str], evicted: Collection[str]) -> list[str]:  # noqa: ARG002 - all of them again
        """Return all: until the end is recorded, other processes find the session alive under the stamp of an early eviction."""
        return [*drivers]

    def keep_cleanup(self, left: Missed, outcome: LogoutOutcome | None, *, is_reap: bool = False) -> None:
        """Keep nothing of a reap; see `LiveSessions`. The ledger decides whether its session is open, and the next look finds it.

        Other processes let in its calls meanwhile. Recorded late, its login would end under one of them.
        """
        if not is_reap:
            for login_id in (*left.logins, left.request.login_id):
                self._let_go(left.request.session_id, login_id)  # a call may have found it as open since it was ended here
            super().keep_cleanup(left, outcome)
        elif self._logins.get(left.request.session_id) != left.request.login_id:  # or a call has asked the ledger since
            self.rows_gone(left.request.session_id, [left.request.login_id])

    def may_be_ended(self, session: OpenSession) -> bool:
        """Tell whether no call of a session runs here, and nobody opens it anew or has closed it here; see `LiveSessions`."""
        session_id, login_id = session.session_id, session.login_id
        is_alone = {*self._rows.get(session_id, ())} <= {login_id}
        is_closed = self.unrecorded.has_closed(session_id, login_id)
        return is_alone and not is_closed and (session_id, login_id) not in self._calls

    def renewed(self, sealed: Sealed, current: Current) -> None:
        """Note that the credential of a login was renewed, also in the ledger."""
        if self._logins.get(sealed.session_id) == sealed.login_id:
            self._renewed[sealed.login_id] = current

    def opened(self, session: OpenSession) -> None:
        """Note that a session is open, also in the ledger; see `LiveSessions`."""
        self._overtake(session.session_id)
        super().opened(session)
        self._seen[session.session_id] = self._now()

    def closing(self, session_id: str, spared: str | None = None, only: str | None = None) -> tuple[str, ...]:
        """Note that a cleanup of the session, or of one login only, was received; see `LiveSessions`."""
        if only is None:
            self._overtake(session_id)
            return super().closing(session_id, spared)
        self.background.end(session_id, only)
        if self._let_go(session_id, only):
            self._closing.begun(only)
        if only in (rows := self._rows.pop(session_id, ())):
            self._ended_rows[session_id] = (*self._ended_rows.get(session_id, ()), only)
        if others := tuple(login_id for login_id in rows if login_id != only):
            self._rows[session_id] = others
        return (only,)

    def loops(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """Yield what runs for as long as the application, with its name."""
        yield from super().loops()
        yield "sessions that were ended elsewhere", self.keep_looking

    async def keep_looking(self) -> None:
        """Look for ever which of the remembered sessions were ended elsewhere."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self.look()

    async def look(self) -> None:
        """Forget which sessions the ledger does not know as open any more, and those that have had no call for long.

        An end changes the stamp as well. But of two authorities at once, only one was told. The look counts for others once no
        call runs here of a session that it has found ended.
        """
        self._forget_unused()
        still_used = set[Login]()
        in_use = dict.fromkeys((*self._calls, *self.background), 0)
        waiting = iter((in_use | {login: self._version(login[1]) for login in self._logins.items()}).items())
        try:
            while some := dict(islice(waiting, AT_ONCE)):
                still_used |= await self._look_at(some)
            self._looks.note(None)
        except LedgerUnavailable as problem:
            self._looks.note(str(problem))
        else:
            self._last_calls.looked(still_used)

    async def _look_at(self, known: Mapping[Login, int]) -> set[Login]:
        """Forget which of these logins are over, each with its version, and return those of them that have calls or work."""
        changed = await in_time(self._shared.changed_logins(known))
        for (session_id, login_id), version in changed.items():
            self._changed(session_id, login_id, version)
        over = {login for login, version in changed.items() if version is None}
        for login in over:
            self.background.end(*login)
        return {login for login in (*self._calls, *self.background) if login in over}

    def _changed(self, session_id: str, login_id: str, version: int | None) -> None:
        if self._logins.get(session_id) != login_id:
            return  # opened anew or closed here while the ledger was asked
        if version is None:
            self._overtake(session_id, login_id)
            self.rows_gone(session_id, [login_id])
        else:
            self._stamps.pop(session_id, None)  # renewed elsewhere: the next call asks for the credential

    def _version(self, login_id: str) -> int:
        renewed = self._renewed.get(login_id)
        return 0 if renewed is None else renewed.version

    def _forget_unused(self) -> None:
        before = self._now() - REMEMBERED
        for session_id, login_id in [*self._logins.items()]:
            login = session_id, login_id
            is_busy = login in self._calls or login in self.background or session_id in self._used
            if self._seen[session_id] < before and not is_busy:
                self.rows_gone(session_id, [login_id])

    def _forget_login(self, session_id: str) -> str | None:
        self._stamps.pop(session_id, None)
        self._seen.pop(session_id, None)
        return super()._forget_login(session_id)

    def _found(self, session: OpenSession, stamp: Stamp | None) -> None:
        """Remember what the ledger has told of a session that is open."""
        session_id, login_id = session.session_id, session.login_id
        if self._logins.get(session_id) not in {None, login_id}:
            self.rows_gone(session_id, [self._logins[session_id]])
        self._logins[session_id], self._seen[session_id] = login_id, self._now()
        if login_id not in self._rows.get(session_id, ()):
            self.beginning(session_id, login_id)  # a cleanup that comes here has to name it
        if session.version > self._version(login_id):
            self._renewed[login_id] = Current(session.credential, session.version)
        if stamp is None:
            self._stamps.pop(session_id, None)
        else:
            self._stamps[session_id] = stamp

    @contextmanager
    def _asking(self, session_id: str, login_id: str) -> Iterator[Callable[[], bool]]:
        """Give what tells whether the answer still counts: nobody has ended this login here since the question."""
        questions, question = self._questions.setdefault(session_id, {}), object()
        questions[question] = login_id
        try:
            yield lambda: question in questions
        finally:
            questions.pop(question, None)
            if not questions and self._questions.get(session_id) is questions:
                del self._questions[session_id]

    def _let_go(self, session_id: str, login_id: str) -> bool:
        """Remember a login as open no more, nor by an answer that is on its way. Tell whether it was remembered."""
        self._overtake(session_id, login_id)
        is_known = self._logins.get(session_id) == login_id
        if is_known:
            self._forget_login(session_id)
        return is_known

    def _overtake(self, session_id: str, login_id: str | None = None) -> None:
        """Let the questions about a login count no more; None for all of the session. Those about its next login go on."""
        questions = self._questions.get(session_id, {})
        for question, about in [*questions.items()]:
            if login_id in {None, about}:
                del questions[question]
