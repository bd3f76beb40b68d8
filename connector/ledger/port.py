"""What a ledger promises: what is owed is durable before it is tried, and stays until it is done or a human says otherwise.

Every call is one transaction, and may be made from any number of tasks at once. It raises `LedgerUnavailable` if it could not
be made durable, or not be read. A call that is cancelled, or whose answer was lost, either took effect or did not. To repeat it
changes nothing more, and returns the same (docs/adr/0008-repeats.md). Deadlines are the caller's.

Moments only schedule. What came first is told by ids and revisions, because somebody may set a clock back.

Each part of the connector names the part of the port that it needs. `connector.ledger.testing` has the port as a test class.
"""

import sys
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from connector.model.cleanup import CleanupRequest, Missed
from connector.model.credential import Credential
from connector.model.debts import Debt, Group, LogoutState, Sorted, Totals
from connector.model.outcomes import LogoutOutcome
from connector.model.sessions import Known, OpenSession, Replaced


class CleanupRecords(Protocol):
    """What cleanups owe, and what became of it."""

    async def record(
        self, request: CleanupRequest, *, origin: str, drivers: Sequence[str], logins: Collection[str] | None = None
    ) -> Debt:
        """Write down, durably, what a cleanup owes: the logout, and the eviction of its scopes from each of the drivers.

        A login has one row, whatever the number of its cleanups: their evictions add up, and `revision` tells them apart. A
        logout that is closed stays so, its outcome being the answer to a duplicate; any other is owed again, and due when the
        grace is over, so that no retry takes what is being tried right now. A repeat counts as one more cleanup.

        The session is closed: its rows of these `logins`, or all of them, become debts.

        The debt that is returned is the one to be tried, *with all the evictions it names*.
        """
        ...

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
            outcome: what the end system said, if it was asked. It counts as an attempt, numbered by those before `debt` was read.
            due_at: when to try again, at most an hour away; None leaves it.
            waited: seconds of scheduled waiting, this one included; None leaves it.
            evicted: the drivers from which *all* of `debt.evictions` were evicted; not counted if another cleanup has recorded
                the debt anew since, for that one's own eviction may be still to come.
        """
        ...


class EndedLogins(Protocol):
    """Logins that nobody will use."""

    async def end_login(self, session: OpenSession, *, being_tried: bool = False) -> Debt | None:
        """Write down, durably, that nobody will use a login: it is owed, unless somebody else ends it or uses it.

        It is due at once; or, if the caller is about to end it (`being_tried`), when the grace is over.

        Returns:
            what is owed; None if somebody else ends the login or uses it. So does a repeat: the retries end what the first owed.
        """
        ...

    async def forget(self, debt: Debt) -> bool:
        """Remove what is owed for a login that has been ended and that was never handed out, so that nobody asks for it again.

        Returns False, and removes nothing, if a cleanup has asked for it meanwhile.
        """
        ...


class LateRecords(EndedLogins, Protocol):
    """What the ledger could not take at first."""

    async def record_late(self, missed: Missed) -> None:
        """Write down, durably, what is left of a cleanup that could not be recorded when it was received. It is due at once.

        What was opened since stays open, with its login.
        """
        ...


class OpenedSessions(EndedLogins, Protocol):
    """Sessions that are opened, and replace others."""

    async def open_session(self, session: OpenSession, replaced: Replaced | None, *, drivers: Sequence[str]) -> Debt | None:
        """Write down, durably, that a session is open; what it replaces becomes a debt in the same transaction.

        The id of its login is random, and so the id of this call.
        A login of the same credential and origin is not owed: its end system has handed it out once more, and it is in use again.

        Args:
            session: as it is from now on.
            replaced: what was open until now, if that is known. If not, and the session has a row, it replaces that all the same.
            drivers: those that have to evict what the session has cached until now.

        Returns:
            the eviction that is owed now; None if nothing is replaced.
        """
        ...


class KnownSessions(Protocol):
    """Which sessions are open, and which are closed."""

    async def known_sessions(self) -> Known:
        """Return what has to be known to tell whether a session is alive."""
        ...

    async def is_closed(self, session_id: str, login_id: str, credential: Credential | None) -> bool:
        """Tell whether somebody has asked to end this login: it is a debt, or was one a while ago."""
        ...

    async def origin_of(self, session_id: str, login_id: str) -> str | None:
        """Return where an open session's login was made; None if this ledger does not know it as open."""
        ...

    async def note_use(self, used: Mapping[str, float]) -> None:
        """Write down when sessions were last used, by their ids; a session that is closed by now is left out."""
        ...


class SoonestDue(Protocol):
    """When something is due."""

    async def next_due(self, now: float, *, per_origin: int = sys.maxsize) -> float | None:
        """Return when there will be something to claim; None if nothing is owed for which there is room."""
        ...


class DueDebts(SoonestDue, Protocol):
    """Debts that are to be tried, each by one owner at a time.

    An owner is a ledger that is open. Its claims end when it releases them, when it is closed, and when it is gone: killed, or
    silent for so long that it has missed several calls of `claim_due`, each of which renews all its claims. So a debt may be
    tried twice at a time, by an owner that was only paused. To log out twice is safe, to forget is not.
    """

    async def claim_due(self, now: float, *, per_origin: int, limit: int) -> list[Debt]:
        """Claim at most `limit` debts that are to be tried now, and return them with their credentials.

        Each origin has its turn. At most `per_origin` debts of one origin are claimed at a time, by all owners together. A call
        that is cancelled claims nothing that is renewed.
        """
        ...

    async def release(self, debt: Debt) -> None:
        """End a claim, if there is one: the debt can be claimed again when it is due. If this fails, the claim ends by itself."""
        ...


class OwedEvictionRecords(Protocol):
    """Evictions that drivers could not do."""

    lost_track: bool
    """Whether evictions that were owed may be unknown, because something was damaged. All that is cached has to be
    invalidated, and `track_regained` called; until then it stays true, across restarts."""

    async def owed_evictions(self, driver: str, *, after: int = 0, limit: int = 1000) -> list[Debt]:
        """Return debts that owe an eviction from this driver, without credentials, ordered by id, from `after` on.

        Fewer than `limit` are all that there are.
        """
        ...

    async def track_regained(self) -> None:
        """Write down that all that was cached has been invalidated: `lost_track` is over."""
        ...


class HeldBackDebts(Protocol):
    """Debts that today's end system cannot end, and those that it can."""

    async def actionable(self, id_: int) -> Debt:
        """Return a debt whose logout is still to be done, with its credential. Raises `NoSuchDebt`."""
        ...

    async def make_due(self, id_: int, *, here: str | None = None) -> Debt:
        """Make a logout that waits for a human, or for its time, due at once. Raises `NoSuchDebt`.

        `here` is another place than that of its login to which it may be sent from now on; the row keeps it.
        """
        ...

    async def groups(self) -> list[Group]:
        """Return the groups of debts that are owed or held back; nothing is verified for it."""
        ...

    async def one_of(self, group: Group) -> list[Debt]:
        """Return one debt of a group with its credential, if any can be read."""
        ...

    async def next_of(self, group: Group, *, after: int) -> list[Debt]:
        """Return some debts of a group with their credentials, ordered by id, from `after` on; none at the end."""
        ...

    async def sort(self, changed: Sequence[Sorted]) -> None:
        """Write down which debts are held back from now on, and which are due again.

        One that was used since it was read is left alone.
        """
        ...


class DismissedDebts(Protocol):
    """Logouts that an administrator gives up."""

    async def dismiss(self, id_: int, reason: str) -> None:
        """Close a logout that nobody will do; its evictions stay owed. What is unusable is removed. Raises `NoSuchDebt`."""
        ...


class ShownDebts(SoonestDue, Protocol):
    """The ledger as an administrator sees it. A file that no server has open can be read in the same way."""

    async def listing(
        self, *, states: Collection[LogoutState] | None = None, system: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[Debt]:
        """Return debts without credentials, ordered by id, from `after` on; what is in quarantine counts as waiting.

        Without `states`, those that still owe something, be it only an eviction; without `system`, those of any.
        """
        ...

    async def debt(self, id_: int) -> Debt:
        """Return one debt, without its credential. Raises `NoSuchDebt`."""
        ...

    async def statistics(self) -> Totals:
        """Count what there is; nothing is verified for it."""
        ...

    async def held_back(self) -> dict[str, int]:
        """Return how many debts are held back, by where they were made; nothing is verified for it."""
        ...


class Ledger(
    CleanupRecords,
    LateRecords,
    OpenedSessions,
    KnownSessions,
    DueDebts,
    OwedEvictionRecords,
    HeldBackDebts,
    DismissedDebts,
    ShownDebts,
    Protocol,
):
    """All that a ledger does for a connector. A store is a class that inherits it: `sqlite/` has one."""

    def opened(self) -> AbstractAsyncContextManager[object]:
        """Keep the ledger open, and do its housekeeping, while the context is.

        Raises:
            ConfigurationError: it cannot be used as it is.
        """
        ...
