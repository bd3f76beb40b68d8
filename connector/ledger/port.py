"""What a ledger promises: what is owed is durable before it is tried, and stays until it is done or a person gives it up.

Every call is one transaction, and may be made from any number of tasks at once. It raises `LedgerUnavailable` if it could not
be made durable, or not be read. A call that is cancelled, or whose answer was lost, either took effect or did not. To repeat it
changes nothing more, and returns the same (docs/adr/0008-repeats.md). Deadlines are the caller's.

Moments only schedule. What came first is told by ids and revisions, because somebody may set a clock back.

Each part of the connector names the part of the port that it needs. All parts stand on this page, for the author of a store.
`connector.ledger.testing` has the port as a test class.
"""

import sys
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from connector.model.audit import AuditEntry
from connector.model.begun import Opening, Recorded
from connector.model.cleanup import CleanupRequest, Missed
from connector.model.credential import Credential
from connector.model.debts import Debt, Group, LogoutState, Sorted, Totals
from connector.model.listed import EVERY, ListedSession, Wanted
from connector.model.outcomes import LogoutOutcome
from connector.model.seat_pools import HeldSeats, Pool
from connector.model.sessions import Current, Known, Login, OpenSession, RefreshClaim, Renewal, Replaced, Use


class ClaimedTries(Protocol):
    """Who tries a debt: one owner at a time.

    An owner is a ledger that is open. Its claims end when it releases them, when it is closed, and when it is gone. Each of its
    calls of `claim_due`, `claim_refresh` and `tick` renews them all, so an owner that makes none for some time is gone. If it was
    only paused, a debt may be tried twice at a time. To log out twice is safe, to forget is not.
    """

    async def claim(self, debt: Debt) -> bool:
        """Claim a debt that was only read, to try it at once, and tell whether it may be tried.

        It may not if another owner has claimed it, or the refresh of its login; nor if the logout is closed by now, or its
        credential renewed. Such a claim takes none of the room for retries.
        """
        ...

    async def release(self, debt: Debt) -> None:
        """End a claim, if there is one: the debt can be claimed again when it is due. If this fails, the claim ends by itself.

        A claim is told by the debt's revision, so this ends no claim of a later cleanup.
        """
        ...

    async def may_send(self, debt: Debt, *, retried: bool) -> bool:
        """Tell whether this owner may ask the end system: it has its claim still, and nobody uses the credential again.

        To be called just before, because the owner may have been paused since. What is `retried` is looked up, because a cleanup
        of this owner or a person may have ended the logout since it was read. So is a first try that had to wait. Any other one,
        of a debt that this owner has just recorded, costs nothing if the owner was heard lately.
        """
        ...


class CleanupRecords(ClaimedTries, Protocol):
    """What cleanups owe, and what became of it."""

    async def record(
        self, request: CleanupRequest, *, origin: str, drivers: Sequence[str], logins: Collection[str] | None = None
    ) -> Debt:
        """Record durably what a cleanup owes: the logout, and the eviction of its scopes from each driver.

        A login has one row, however many cleanups it has. Their evictions add up, and `revision` tells them apart. A repeat
        counts as one more cleanup. A closed logout stays closed, and its outcome answers the duplicate. Any other logout is owed
        again. It is due when the grace is over, so that no retry takes what the cleanup itself is trying. A shared ledger has no
        grace: the debt is due at once, and this owner claims it, unless another one has claimed it or the refresh of its login
        (`Debt.in_hand_elsewhere`). Such a claim takes none of the room for retries.

        The session is closed: its rows of these `logins`, or all of them, become debts. No session is opened with one of these
        logins that is under way. A shared login that another session still has is not owed: its logout is closed as `SHARED`.

        Returns:
            the debt to be tried, *with all the evictions that it names*.
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
        release: bool = False,
    ) -> Debt | None:
        """Record what became of a try of `debt`, and return how it stands now; None if its row is gone.

        If the owner has lost its claim meanwhile, another try may have begun: this one can close the logout then, but not put it
        off.

        Args:
            debt: as it was when the try began. A cleanup that has recorded it anew since has changed its revision.
            state: who has to act next. To close the logout erases its credential and is final. Any other state is ignored if the
                revision has changed. None leaves the logout as it is.
            outcome: what the end system said, if it was asked. It counts as an attempt, numbered by those that `debt` had.
            due_at: when to try again, at most an hour away; None leaves it.
            waited: seconds of scheduled waiting, this one included; None leaves it.
            evicted: the drivers that have evicted *all* of `debt.evictions`; ignored if the revision has changed, because
                the later cleanup may not have evicted yet.
            release: whether the try is over, so that its claim ends in the same transaction. If this fails, it has it still.
        """
        ...


class EndedLogins(Protocol):
    """Logins that nobody will use, and those that were never made."""

    async def opening_failed(self, opening: Opening) -> None:
        """Record durably that a login has made nothing: there is no opening any more."""
        ...

    async def opening_unanswered(self, opening: Opening) -> None:
        """Record durably that nobody knows what a login has made, although its owner is there."""
        ...

    async def end_login(self, session: OpenSession, *, being_tried: bool = False) -> Debt | None:
        """Record durably that nobody will use a login: it is owed, unless somebody else ends it or uses it. Its opening is over.

        It is due at once; or, if the caller is about to end it (`being_tried`), it is due and claimed as by `record`.

        One without a credential has nothing to end, or nothing any more: what is owed for it is over.

        Returns:
            what is owed; None if somebody else ends the login or uses it. So does a repeat: the retries end what the first owed.
        """
        ...

    async def forget(self, debt: Debt) -> bool:
        """Remove the debt of a login that was ended and never handed out: nobody will ask for it again.

        Returns:
            whether it is gone. It stays if a cleanup has asked for it meanwhile.
        """
        ...


class LateRecords(EndedLogins, Protocol):
    """What the ledger could not take at first."""

    async def record_late(self, missed: Missed) -> None:
        """Record durably what is left of a cleanup that could not be recorded when it was received. It is due at once.

        Sessions that were opened since stay open, with their logins. Logins that have begun since go on.
        """
        ...


class OpenedSessions(EndedLogins, Protocol):
    """Sessions that are opened, and replace others.

    An opening is under way as long as its owner is there. Once the owner is gone or has closed the ledger, nobody knows what the
    login has made. That is final: an owner that comes back with an answer gets no session, and the login is owed.
    """

    async def begin_opening(self, opening: Opening, *, seats: int | None = None) -> bool:
        """Record durably that a login is about to be sent, by this owner of the ledger.

        Returns:
            whether it is recorded. It is not if `seats` of its pool are held already: see `Seats`. All owners of a store together
            never record more.
        """
        ...

    async def open_session(self, session: OpenSession, replaced: Replaced | None, *, drivers: Sequence[str]) -> Recorded:
        """Record durably that the opening of a login is over, and that its session is open.

        What the session replaces becomes a debt in the same transaction. The session is not opened if a cleanup came meanwhile,
        or if its opening is not under way. The login is owed at once then, unless somebody else ends or uses it. Nothing is
        replaced, so an earlier session stays open.

        The id of its login is random, and so the id of this call.
        A login of the same credential and origin is not owed. Its end system has handed it out once more: it is in use again.
        Of a shared login, that goes for what any session owes.

        Args:
            session: as it is from now on. If its row is sealed, then by its `key_id` as long as that is there.
            replaced: what was open until now, if that is known. The session's row, if there is one, is replaced in any case.
            drivers: those that have to evict what the session has cached until now.

        Returns:
            whether it is open, and the eviction that is owed now.
        """
        ...


class RenewedLogins(Protocol):
    """Credentials that end systems renew while their sessions are open."""

    async def renew(self, renewal: Renewal) -> Current | None:
        """Record durably that an end system has renewed the credential of a login, if it still had this `version`.

        An older version will do as well: then the ledger has forgotten this one. The seal's credential has version 0, and each
        renewal the next one. Whoever ends the login from now on ends the new credential: a cleanup by its seal, a retry, and a
        session that replaces it. A session that is closed stays closed. Its login is owed by the new credential then, due at
        once, also if an older one was ended meanwhile. A try that has begun with an older credential closes nothing.

        Returns:
            what is current after the call, be it this renewal or another one; None if this ledger does not know the login.
        """
        ...

    async def claim_refresh(self, session_id: str, login_id: str, version: int) -> RefreshClaim:
        """Claim the refresh of an open session's login, if its credential still has this `version`.

        To be called before a refresh is sent, or two would spend one refresh token. A login has one claim at a time, whatever
        its version. It is its owner's, as the claims of `DueDebts` are. It ends in the transaction that records what the refresh
        has made (`Renewal.ends_refresh`), unless that was overtaken. As long as it lasts, nobody tries what is owed of the login:
        an end system does not know a credential that is spent, and says nothing of the login by that.

        Its owner may be gone before it tells what the refresh has made. So a claimed refresh is an opening, too (`refresh_of`),
        which holds no seat while the login holds one. It is over once the login is renewed. No logout ends it, because an end
        system may confirm that of a credential that is spent. If it says that it does not know the credential, the login may be
        alive: the seat that its logout gives back is that of the refresh.

        Raises `LedgerUnavailable` also if its store may have forgotten that the credential was renewed.
        """
        ...

    async def release_refresh(self, session_id: str, login_id: str, *, unanswered: bool = False) -> None:
        """End this owner's claim of a refresh, if there is one. If this fails, the claim ends by itself.

        Nothing came of it; or, if it is `unanswered`, nobody knows what did: then it counts as a login that may be alive.
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

    async def owed_of(self, session_id: str) -> list[Debt]:
        """Return the logouts that a session still owes, or that need attention, with their credentials."""
        ...

    async def owes_evictions(self, session_id: str) -> bool:
        """Tell whether evictions of a session are owed, whatever became of its logouts; a row that cannot be read may say so."""
        ...

    async def open_by(self, session_id: str, login_id: str) -> OpenSession | None:
        """Return a session that is open by this login, with its credential; None if this ledger does not know it as open.

        Raises `LedgerUnavailable` also if its store may have forgotten the session, and somebody may still know of it.
        """
        ...

    async def login_now(self, session_id: str) -> str | None:
        """Return by which login a session is open; None if it is not. Of several logins, the last counts."""
        ...

    async def changed_logins(self, known: Mapping[Login, int]) -> dict[Login, int | None]:
        """Return those of these logins that are not open with this version of their credential, with theirs; None if it is over.

        Rows are only compared, so that many may be asked about often: whether one is to be believed is told by `open_by`. Raises
        `LedgerUnavailable` also if its store may have forgotten one of them, as `open_by` does.
        """
        ...

    async def note_use(self, used: Mapping[str, Use]) -> None:
        """Record when and how often sessions were used, by their ids, and that OpsHub has their seals.

        A session that is closed by now, or open by another login, is left out. Calls are counted once: by a note that is later
        than the one before.
        """
        ...


class RunningTime(Protocol):
    """How long servers have run, in ticks: what is counted instead of time, because no clock and no pause moves it."""

    async def tick(self) -> int:
        """Advance the ledger's counter by one, and return it. A repeat advances it again.

        Several owners of a store advance it together once, as long as they tick equally often: one of them does it for all, until
        he closes the ledger or is gone.
        """
        ...

    async def idle(
        self, *, unused_since: int | None, opened_since: int | None, unanswered_since: int | None, limit: int
    ) -> list[OpenSession]:
        """Return at most `limit` open sessions of which one of these is true, with their credentials, the oldest first.

        To open a session counts as its first use. The cost does not grow with the sessions that are in use.

        Args:
            unused_since: it was used at this tick for the last time, or before.
            opened_since: it was opened at this tick or before.
            unanswered_since: it is unused since this tick, and no use of it was noted: OpsHub may not have its seal.
            limit: how many are wanted.
        """
        ...

    async def let_go_unknown(self, made_before: int) -> list[Opening]:
        """Forget logins that were begun before a tick and of which nobody knows what they have made: they have ended by now.

        So have logins of that time whose logout needs attention, or is closed as an unproved `already_out`. They give their seats
        back, and are kept.

        Returns:
            those that were forgotten by this call.
        """
        ...


class Seats(Protocol):
    """How many logins of a pool may be alive: what holds its seats.

    A login holds its seat from its opening on: as an open session, as one of which nobody knows what it has made, and as a debt
    until its logout is closed. A logout that is closed as an unproved `already_out` holds it still. Sessions that share a login
    hold one seat. A person who dismisses a logout, or lets an unknown login go, gives its seat back; so does `let_go_unknown`.
    A login whose opening names no pool holds no seat. No row holds a pool's name.
    """

    async def seat_uncounted(self, pool_of: Callable[[str], str]) -> None:
        """Give what is open, begun or owed, and was never counted, a seat of the pool of its end system.

        `pool_of` names the pool of an origin. What has given its seat back stays without.
        """
        ...

    async def held_seats(self, pool: str) -> HeldSeats:
        """Count what holds the seats of a pool; nothing is verified for it."""
        ...

    async def holds_seat(self, pool: str, session_id: str) -> bool:
        """Tell whether a session has a seat of a pool: it is open, or its logout is owed."""
        ...

    async def pools(self) -> list[Pool]:
        """Return the pools of which seats are held; nothing is verified for it."""
        ...

    async def idle_holders(self, pool: str, *, unused_since: int, limit: int) -> list[OpenSession]:
        """Return at most `limit` open sessions that hold a seat of a pool, and that were used at this tick last, or before.

        They come with their credentials, the longest unused first. One that shares its login with another session is left out.
        """
        ...


class SoonestDue(Protocol):
    """When something is due."""

    async def next_due(self, now: float, *, per_origin: int = sys.maxsize) -> float | None:
        """Return when there will be something to claim; None if nothing is owed for which there is room."""
        ...


class DueDebts(ClaimedTries, SoonestDue, Protocol):
    """Debts that are to be tried."""

    async def claim_due(self, now: float, *, per_origin: int, limit: int) -> list[Debt]:
        """Claim at most `limit` debts that are to be tried now, and return them with their credentials.

        Each origin has its turn. At most `per_origin` debts of one origin are claimed at a time, by all owners together. A call
        that is cancelled claims nothing that is renewed.
        """
        ...


class OwedEvictionRecords(Protocol):
    """Evictions that drivers could not do."""

    lost_track: bool
    """Whether owed evictions may be unknown, because something was damaged. It stays true, across restarts, until all that is
    cached is invalidated and `track_regained` is called."""

    async def losses(self) -> Collection[str]:
        """Return what has made owed evictions unknown: a line for each time."""
        ...

    async def serve_from(self, authority: str, *, starts: bool = True) -> None:
        """Note by which store it is decided from now on what is served. Another one than before may have missed evictions.

        `lost_track` is true then, and if nobody knows which one it was, unless the ledger is new. One who serves already, and
        does not `start`, leaves it at that nobody knows: the next start has to lose track.
        """
        ...

    async def lose_track(self, reason: str) -> None:
        """Record that stores may have missed evictions. `lost_track` is true then, also for all others who share the ledger.

        Nobody knows any more which store was the authority, so that the next start loses track, too.
        """
        ...

    async def owed_evictions(self, driver: str | None, *, after: int = 0, limit: int = 1000) -> list[Debt]:
        """Return debts that owe an eviction from this driver, without credentials, ordered by id, from `after` on.

        None stands for any driver. If there are fewer than `limit`, there are no more.
        """
        ...

    async def track_regained(self, losses: Collection[str]) -> None:
        """Record that everything cached was invalidated after these `losses`: `lost_track` is over unless there are others."""
        ...


class HeldBackDebts(Protocol):
    """Debts that today's end system cannot end, and those that it can."""

    async def actionable(self, id_: int) -> Debt:
        """Return a debt whose logout is still to be done, with its credential. Raises `NoSuchDebt`."""
        ...

    async def make_due(self, id_: int, *, here: str | None = None) -> Debt:
        """Make a logout due at once, whether it needs attention or waits for its time. Raises `NoSuchDebt`.

        From now on it may be sent to `here`, too, and not only where its login was made. The row keeps both.
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
        """Record which debts are held back from now on, and which are due again.

        A debt that has changed since it was read is left alone.
        """
        ...


class DismissedDebts(Protocol):
    """Logouts that an administrator gives up."""

    async def dismiss(self, id_: int, reason: str) -> None:
        """Close a logout that nobody will do; its evictions stay owed. What is unusable is removed. Raises `NoSuchDebt`."""
        ...


class UnknownOpenings(Protocol):
    """Logins of which nobody knows what they have made."""

    async def let_go_opening(self, login_id: str) -> None:
        """Forget such a login, because a person has looked into it. Raises `NoSuchOpening`, also if it is still under way."""
        ...


class ShownSessions(Protocol):
    """Open sessions and begun logins as an administrator sees them, also those of a file that no server has open."""

    async def session_listing(self, wanted: Wanted = EVERY, *, after: int = 0, limit: int = 1000) -> list[ListedSession]:
        """Return them ordered by `place`, from `after` on."""
        ...

    async def systems(self, limit: int) -> list[str]:
        """Return at most `limit` systems of which sessions are open, ordered by their ids; nothing is verified for it."""
        ...


class SharedSessions(KnownSessions, ShownSessions, Protocol):
    """The sessions of a ledger that several processes share: what one of them remembers may be over.

    Each owner looks now and then which sessions were ended, and counts how often it has looked. A look counts once no call runs
    here any more of a session that it has found ended.
    """

    def has_looked(self) -> None:
        """Count one more look of this owner. Its next transaction tells the others, if there may be any."""
        return

    async def looks(self) -> Mapping[Hashable, int]:
        """Return how often each owner has looked that is there, this one included. A ledger that nobody shares has none."""
        return {}


class ShownDebts(SoonestDue, Protocol):
    """The ledger as an administrator sees it. A file that no server has open can be read in the same way."""

    @property
    def durability(self) -> str | None:
        """What the settings of its store allow to be lost, in words; None if that is no matter of settings."""
        return None

    async def listing(
        self, *, states: Collection[LogoutState] | None = None, system: str | None = None, after: int = 0, limit: int = 1000
    ) -> list[Debt]:
        """Return debts without credentials, ordered by id, from `after` on; rows in quarantine count as waiting.

        Without `states`, return those that still owe a logout or an eviction; without `system`, those of any.
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


class Introductions(Protocol):
    """What the owners of a store tell each other of themselves."""

    async def introduce(self, about: bytes | None) -> Collection[bytes]:
        """Tell all other owners this of the present one, instead of what it has told before, and return what they tell.

        It is forgotten once the owner has closed the ledger or is gone. None tells nothing.
        """
        ...


class MetInLedger(Introductions, OwedEvictionRecords, Protocol):
    """The ledger, as whoever looks for other owners uses it."""


class ShownKeys(Protocol):
    """Which keys the rows need, and which the owners have."""

    async def rows_by_key(self) -> dict[str, dict[str, int]]:
        """Count the rows that each key has sealed or authenticated, by the kind of row; nothing is verified for it."""
        ...

    async def owners(self) -> Sequence[tuple[str, bytes | None]]:
        """Return the owners that are there by their names, and what each tells the others of itself: None if nothing."""
        ...


class ShownAudit(Protocol):
    """What people have done, as an administrator sees it, also in a file that no server has open."""

    async def audit_entries(self, *, before: int | None = None, limit: int = 100) -> list[AuditEntry]:
        """Return lines of the audit log, the newest first, from below the id `before` on."""
        ...


class AuditLog(ShownAudit, Protocol):
    """What people do to the connector."""

    async def note_action(self, entry: AuditEntry) -> None:
        """Record durably that an action begins or, if the entry has an outcome, how it has ended. No outcome is taken back.

        A line is known by its word, and a store that has lost it gets it again with its outcome. It is kept for a time that the
        store was given.
        """
        ...


class BetweenTransactions(Protocol):
    """The moments at which what all transactions use may change."""

    async def between_transactions(self, work: Callable[[], None]) -> None:
        """Run what takes no time while this process has no transaction under way. After `LedgerUnavailable` it may have run."""
        ...


class Ledger(
    CleanupRecords,
    LateRecords,
    OpenedSessions,
    RenewedLogins,
    DueDebts,
    OwedEvictionRecords,
    HeldBackDebts,
    DismissedDebts,
    UnknownOpenings,
    SharedSessions,
    ShownDebts,
    AuditLog,
    RunningTime,
    Seats,
    Introductions,
    ShownKeys,
    BetweenTransactions,
    Protocol,
):
    """All that a ledger does for a connector. A store is a class that inherits it: `sqlite/` has one."""

    shared: bool = False
    """Whether other processes may work with the same store, so that what one of them remembers is not the whole truth."""

    @property
    def clock(self) -> Callable[[], float]:
        """The clock by which the ledger's owners schedule: one for all who share it."""
        ...

    def opened(self) -> AbstractAsyncContextManager[object]:
        """Keep the ledger open, and do its housekeeping, while the context is.

        Raises:
            ConfigurationError: it cannot be used as it is.
        """
        ...
