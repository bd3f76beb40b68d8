"""Cleanups, unused logins and failed ones that the ledger could not take. They stay in memory until it does."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from math import inf

from msgspec import Struct
from msgspec.structs import replace as replaced

from connector.endsystems.end_system import SessionLogin
from connector.model.begun import Opening
from connector.model.cleanup import Missed
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.model.sessions import OpenSession
from drivers import Scope

MOST = 10_000
"""Beyond this number no login begins, and only what owes something is still kept."""
LONGEST_WAIT = 60.0
"""Seconds between two tries of a logout, at most. They double from a second on."""

Key = tuple[str, str, object]


class InVain(Struct, frozen=True):
    """A login that has made no session, and may have a row as one that is under way."""

    opening: Opening
    is_unknown: bool = False
    """Whether it may have made something all the same."""

    @property
    def origin(self) -> str:
        """Where it was made, as in a debt."""
        return self.opening.origin


Left = Missed | OpenSession | InVain


@dataclass(slots=True, eq=False)
class Kept:
    """A cleanup or a login that the ledger does not know of."""

    key: Key
    """The ids of the session and the login, and the cleanup, so that a repeated one is kept once."""
    left: Left
    """What has to be recorded of it."""
    tries: int = 0
    """How often its logout was tried."""
    due: float = 0.0
    """When its logout is tried again, on the clock of the event loop; infinite if trying does not help."""

    @property
    def logins(self) -> Collection[str]:
        """Return the ids of the logins whose rows are gone once the ledger has taken this."""
        match self.left:
            case Missed(logins=logins):
                return logins
            case OpenSession(login_id=login_id) | InVain(opening=Opening(login_id=login_id)):
                return (login_id,)

    @property
    def login(self) -> SessionLogin | None:
        """Return the login that still has to be ended, if there is one."""
        match self.left:
            case Missed(request=asked):
                return None if asked.foregone else SessionLogin(asked.session_id, asked.system_id, asked.credential)
            case OpenSession(session_id, system_id, credential=credential):
                return None if credential is None else SessionLogin(session_id, system_id, credential)
            case InVain():
                return None

    @property
    def owes_something(self) -> bool:
        """Tell whether forgetting this would lose anything."""
        return self.login is not None or bool(self.logins) or (isinstance(self.left, Missed) and bool(self.left.drivers))

    def tried(self, outcome: LogoutOutcome) -> None:
        """Note the outcome of its logout."""
        self.tries += 1
        if outcome.closes:
            self.left = _without_login(self.left, outcome)
        # The exponent is bounded, because a float overflows after some thousand tries.
        wait = min(2.0 ** min(self.tries - 1, 20), LONGEST_WAIT) if outcome.result is LogoutResult.PENDING else inf
        self.due = asyncio.get_running_loop().time() + wait


def _without_login(left: Left, outcome: LogoutOutcome) -> Left:
    match left:
        case Missed(request=asked):
            return replaced(left, request=replaced(asked, foregone=outcome))
        case OpenSession():
            return replace(left, credential=None)
        case InVain():
            return left


class Unrecorded:
    """Keeps what the ledger could not take. A login that has to be ended is never forgotten."""

    def __init__(self) -> None:
        self._kept: dict[Key, Kept] = {}
        self._logins: Counter[tuple[str, str]] = Counter()
        self._something = asyncio.Event()

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Kept]:
        """Return what is kept now; the list does not change meanwhile."""
        return iter([*self._kept.values()])

    def keep_cleanup(self, left: Missed, outcome: LogoutOutcome | None) -> None:
        """Keep what is left of a cleanup, because its session would be alive again after a restart.

        Args:
            left: the cleanup as it was received, and the drivers that did not evict.
            outcome: the outcome of its logout; None if unknown.
        """
        kept = Kept((left.request.session_id, left.request.login_id, left.request), left)
        if outcome is not None:
            kept.tried(outcome)
        if kept.owes_something or len(self) < MOST:
            self._keep(kept)

    def keep_login(self, session: OpenSession) -> None:
        """Keep an unused login, which has to be ended."""
        self._keep(Kept((session.session_id, session.login_id, None), session))

    def keep_in_vain(self, left: InVain) -> None:
        """Keep what became of a login, because its row would count it as one that is under way, or unknown."""
        self._keep(Kept((left.opening.session_id, left.opening.login_id, None), left))

    def evictions(self, driver: str) -> list[Scope]:
        """Return what a driver still has to evict of the cleanups that are kept."""
        missed = [kept.left for kept in self._kept.values() if isinstance(kept.left, Missed)]
        return [scope for left in missed if driver in left.drivers for scope in left.request.scopes]

    def has_closed(self, session_id: str, login_id: str) -> bool:
        """Tell whether a cleanup has asked to end this login."""
        return (session_id, login_id) in self._logins

    def forget(self, kept: Kept) -> None:
        """Forget what the ledger has taken, unless something newer has replaced it."""
        if self._kept.get(kept.key) is kept:
            del self._kept[kept.key]
            session_id, login_id, _ = kept.key
            self._logins[session_id, login_id] -= 1
            if not self._logins[session_id, login_id]:
                del self._logins[session_id, login_id]
        if not self._kept:
            self._something.clear()

    async def something(self) -> None:
        """Wait until something is kept."""
        await self._something.wait()

    def _keep(self, kept: Kept) -> None:
        session_id, login_id, _ = kept.key
        # A cleanup that is repeated replaces its entry, and must not be counted twice.
        self._logins[session_id, login_id] += kept.key not in self._kept
        self._kept[kept.key] = kept
        self._something.set()
