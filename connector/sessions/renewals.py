"""Credentials that end systems renew while their sessions are in use: durable before they count, one after the other."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import reduce
from itertools import count

import structlog
from msgspec import Struct

from connector.endsystems.end_system import Change, Refresh
from connector.endsystems.http.failures import LoginNotRenewed
from connector.ledger.bookkeeping import DEADLINE, in_time
from connector.ledger.port import RenewedLogins
from connector.model.credential import Credential
from connector.model.errors import LedgerUnavailable
from connector.model.sessions import Current, RefreshState, Renewal
from connector.runtime.supervision import OwnedTasks
from connector.sessions.live import LiveSessions
from connector.sessions.seal import Sealed

log = structlog.get_logger(__name__)

LOOK_EVERY = 0.1
"""Seconds between two looks at a login that another owner of the ledger refreshes."""
EVERY = 1.0
"""Seconds between two tries to record what the ledger could not take."""


@dataclass(slots=True, eq=False)
class Line:
    """The renewals of one login, in their order."""

    sealed: Sealed
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    changes: list[Change] = field(default_factory=list)
    """Those that are not durable yet."""
    ends_refresh: bool = False
    """Whether what a refresh has made is among them. Its claim ends once they are durable."""
    told: set[Credential] = field(default_factory=set)
    """What the ledger was told to record, and may have recorded without an answer."""
    given: Credential | None = None
    """What a cleanup was given while some were not durable: it records that itself, and ends it."""
    users: int = 0


class Renewals:
    """The current credential of each login that was opened in this process's ledger.

    A login of another ledger keeps the credential of its seal, because only its own ledger may change it.
    """

    def __init__(self, ledger: RenewedLogins, live: LiveSessions, *, longest: float = 60.0, nudge: Callable[[], None]) -> None:
        """Make it without any renewal.

        Args:
            ledger: keeps them.
            live: knows which sessions are open.
            longest: seconds that a refresh may take.
            nudge: wakes the retries, because a login that was renewed after its cleanup has to be ended.
        """
        self._longest = longest
        self._ledger = ledger
        self._live = live
        self._nudge = nudge
        self._refreshing = live.refreshing
        self._numbers = count(1)
        self._tasks = OwnedTasks()
        self._lines: dict[str, Line] = {}
        """By the id of the login: those that are being renewed, and those that the ledger could not take."""

    @property
    def under_way(self) -> int:
        """How many renewals have begun and are not over."""
        return len(self._tasks)

    @property
    def unrecorded(self) -> int:
        """How many logins were renewed, and the ledger could not take that yet."""
        return sum(bool(line.changes) for line in self._lines.values())

    def current(self, sealed: Sealed) -> Current:
        """Return the newest credential of a seal's login for its cleanup, also one that is not durable yet."""
        current = self._live.current(sealed)
        line = self._lines.get(sealed.login_id)
        if line is None or not line.changes or current.credential is None:
            return current
        line.given = _changed(current.credential, line.changes)
        return Current(line.given, current.version + 1)

    def durable(self, sealed: Sealed) -> Credential | None:
        """Return the newest credential of a seal's login that may be used."""
        return self._live.current(sealed).credential

    async def settled(self, sealed: Sealed) -> None:
        """Wait until each renewal of a login is durable, those that come meanwhile as well. Raises `LedgerUnavailable`.

        Nothing is awaited after the last look. So whoever sends the durable credential at once ends none that is about to be.
        """
        while sealed.login_id in self._lines and self._lines[sealed.login_id].changes:
            with self._line(sealed) as line:
                await self._recorded(line)
            if not self._is_open(sealed):
                return  # what is left, its cleanup has been given

    def sent(self, sealed: Sealed) -> int:
        """Return the number of a request that carries the durable credential now.

        Once a new credential is carried, no answer to an earlier request counts any more: the old one may be dead.
        """
        number, version, login_id = next(self._numbers), self._live.current(sealed).version, sealed.login_id
        if version and self._live.carried.get(login_id) != version:
            self._live.carried[login_id], self._live.latest[login_id] = version, number
        return number

    async def renew(self, sealed: Sealed, change: Change, *, request: int | None = None) -> None:
        """Change the credential of a login durably. It goes on if the caller is cancelled.

        An answer that is overtaken by that to a later `request` changes nothing, or a credential that was used would come back.

        Raises:
            LedgerUnavailable: it is not durable. It is recorded when the ledger works again, and used from then on.
        """
        if not self._may_change(sealed) or self._is_overtaken(sealed, request):
            return
        with self._line(sealed) as line:
            # Before anything is awaited: a cleanup that comes now ends the new credential.
            line.changes.append(change)
            await self._recorded(line)

    async def refresh(self, sealed: Sealed, stale: Credential, make: Refresh) -> None:
        """Renew a credential that is `stale` by `make`, once for all who ask. Nothing is done if somebody has renewed it since.

        It goes on if the callers are cancelled, because the end system may have made a new credential by then. None begins once
        the session is closed, because its cleanup is ending the credential that this would spend.
        """
        if not (self._may_change(sealed) and self._is_open(sealed)):
            return
        with self._line(sealed) as line:
            if sealed.login_id not in self._refreshing:
                # What is not durable yet counts, too: a token that is spent a second time may end the login.
                if line.changes or self.durable(sealed) != stale:
                    return
                self._refreshing[sealed.login_id] = self._begun(self._refreshed(line, stale, make))
            await asyncio.shield(self._refreshing[sealed.login_id])

    async def keep_writing(self) -> None:
        """Record for ever, now and then, what the ledger could not take."""
        while True:
            await asyncio.sleep(EVERY)
            await self.write()

    async def write(self) -> None:
        """Try once to record what the ledger could not take."""
        for sealed in [line.sealed for line in self._lines.values() if line.changes]:
            with suppress(LedgerUnavailable), self._line(sealed) as line:
                await self._written(line)

    async def drain(self, deadline: float) -> int:
        """Finish what has begun, and return how many renewals were broken off.

        A refresh has as long as a login, whatever the `deadline` in seconds, because nobody else knows what it makes.
        """
        broken_off = await self._tasks.drain(max(deadline, self._longest))
        await self.write()
        return broken_off

    def _is_overtaken(self, sealed: Sealed, request: int | None) -> bool:
        if request is None:
            return False
        is_overtaken = request < self._live.latest.get(sealed.login_id, 0)
        if not is_overtaken:
            self._live.latest[sealed.login_id] = request
        return is_overtaken

    def _is_open(self, sealed: Sealed) -> bool:
        """Tell whether its session is open by this login, and not closed or replaced."""
        return self._live.login_of(sealed.session_id) == sealed.login_id

    def _may_change(self, sealed: Sealed) -> bool:
        return sealed.ledger_id in self._live.ledger_ids and sealed.has_login

    @contextmanager
    def _line(self, sealed: Sealed) -> Iterator[Line]:
        line = self._lines.setdefault(sealed.login_id, Line(sealed))
        line.users += 1
        try:
            yield line
        finally:
            line.users -= 1
            self._drop_if_idle(line)

    def _drop_if_idle(self, line: Line) -> None:
        if not (line.users or line.changes or line.sealed.login_id in self._refreshing):
            self._lines.pop(line.sealed.login_id, None)

    async def _refreshed(self, line: Line, stale: Credential, make: Refresh) -> None:
        try:
            if await self._has_claimed(line.sealed):
                await self._made(line, self.durable(line.sealed) or stale, make)
        finally:
            del self._refreshing[line.sealed.login_id]
            self._drop_if_idle(line)

    async def _has_claimed(self, sealed: Sealed) -> bool:
        """Claim the refresh of a login, and tell whether it is still due.

        While it is another owner's, wait for what that one makes. Raises `LoginNotRenewed` after `DEADLINE` seconds. A cleanup
        that comes here meanwhile waits for nobody: what the other one makes is ended as well.
        """
        until = asyncio.get_running_loop().time() + DEADLINE
        while asyncio.get_running_loop().time() < until:
            if not self._is_open(sealed):
                return False
            asked = self._live.current(sealed).version
            claim = await in_time(self._ledger.claim_refresh(sealed.session_id, sealed.login_id, asked))
            match claim.state:
                case RefreshState.OURS:
                    return True
                case RefreshState.ANOTHERS:
                    await asyncio.sleep(LOOK_EVERY)
                case RefreshState.NOT_DUE if asked != self._live.current(sealed).version:
                    continue  # an answer has renewed it here while the ledger was asked
                case RefreshState.NOT_DUE:
                    if claim.current is not None:
                        self._live.renewed(sealed, claim.current)
                    return False
        raise LoginNotRenewed(f"another process renews it, and has not done so within {DEADLINE:g} s")

    async def _made(self, line: Line, stale: Credential, make: Refresh) -> None:
        renewed, is_unanswered = None, True
        try:
            renewed = await make(stale)
            is_unanswered = False
        except LoginNotRenewed as problem:
            is_unanswered = problem.may_have_worked
            raise
        finally:
            if not renewed:
                await self._release(line.sealed, unanswered=is_unanswered)
        if renewed:
            line.changes.append(with_values(renewed))
            line.ends_refresh = True
            await self._written(line)

    async def _release(self, sealed: Sealed, *, unanswered: bool = False) -> None:
        with suppress(LedgerUnavailable):  # the claim ends by itself
            await in_time(self._ledger.release_refresh(sealed.session_id, sealed.login_id, unanswered=unanswered))

    async def _recorded(self, line: Line) -> None:
        """Record all changes of a login that wait. It goes on if the caller is cancelled. Raises `LedgerUnavailable`."""
        await asyncio.shield(self._begun(self._written(line)))

    def _begun(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        """Start work that goes on when its callers have gone: then nobody else looks at how it ended."""
        task = self._tasks.start(work)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _written(self, line: Line) -> None:
        """Record all changes of a login that wait, unless whoever was before has done so."""
        async with line.lock:
            if not line.changes:
                return
            try:
                await in_time(self._write(line))
            except LedgerUnavailable as problem:
                message = "the ledger could not record a renewed login; it is kept in memory and tried again"
                log.warning(message, reason=str(problem))
                raise

    async def _write(self, line: Line) -> None:
        changes, ends_refresh, sealed = [*line.changes], line.ends_refresh, line.sealed
        number, current, is_done, is_unknown = len(changes), self._live.current(sealed), False, False
        while not is_done and current.credential is not None:
            wanted = _changed(current.credential, changes)
            if wanted == current.credential and wanted.stale_at == current.credential.stale_at:
                break
            if wanted == line.given and not self._is_open(sealed):
                # Its cleanup may have ended it by now: to write it down would owe it again.
                if self._live.may_have_row_of(sealed):
                    return  # and keep it, because the cleanup may be unrecorded, and another one has to know it, too
                break
            renewal = Renewal(sealed.session_id, sealed.login_id, current.version, wanted, ends_refresh)
            line.told.add(wanted)
            found = await self._ledger.renew(renewal)
            # A version that has not grown: the ledger does not know the login, or it has nothing to end.
            is_unknown = found is None
            if found is None or found.version <= current.version:
                break
            self._note(sealed, found)
            is_done = found.credential == wanted
            # Somebody else was faster. What a refresh has made comes on top of his, because the credential before it is spent.
            # What an answer has set gives way to his: that may be in use by now, and its use ends what was not used before.
            theirs = found.credential or current.credential
            if not ends_refresh and theirs not in line.told:
                changes.append(with_values(theirs.where_it_differs_from(current.credential)))
            current = Current(theirs, found.version, found.is_open)
        del line.changes[:number]
        line.told.clear()
        if ends_refresh:
            line.ends_refresh = False
            if not is_done:
                await self._release(sealed, unanswered=is_unknown)

    def _note(self, sealed: Sealed, found: Current) -> None:
        if found.is_open:
            self._live.renewed(sealed, found)
        else:
            self._nudge()


class RenewableLogin(Struct, frozen=True):
    """The login of a seal, for whoever uses it: its newest credential, and how to renew it."""

    renewals: Renewals
    sealed: Sealed

    @property
    def credential(self) -> Credential:
        """The newest that is durable."""
        return self.renewals.durable(self.sealed) or Credential()

    def settled(self) -> Awaitable[None]:
        """Wait until each renewal is durable; see `Renewals`."""
        return self.renewals.settled(self.sealed)

    def sent(self) -> int:
        """Note that a request is sent now, and return its number; see `Renewals`."""
        return self.renewals.sent(self.sealed)

    def renew(self, change: Change, *, request: int | None = None) -> Awaitable[None]:
        """Change the credential durably; see `Renewals`."""
        return self.renewals.renew(self.sealed, change, request=request)

    def refresh(self, stale: Credential, make: Refresh) -> Awaitable[None]:
        """Renew a credential, once for all who wait; see `Renewals`."""
        return self.renewals.refresh(self.sealed, stale, make)


def _changed(credential: Credential, changes: list[Change]) -> Credential:
    return reduce(lambda changed, change: change(changed), changes, credential)


def with_values(values: Mapping[str, str]) -> Change:
    """Return the change that puts these values in the place of those with the same names."""
    return lambda credential: credential.with_values(values)
