"""Open sessions as values: each between its initialize and its cleanup, and all that a ledger knows of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum

from msgspec import Struct

from connector.model.credential import Credential
from connector.model.seat_pools import Seat


class Reason(StrEnum):
    """Why a session is reaped: cleaned up although nobody has asked for it."""

    IDLE = "idle"
    """Nobody has used it for too long."""
    LIFETIME = "lifetime"
    """It is too old."""
    SEAT = "seat"
    """Nobody has used it for long, and another one waits for its seat."""
    UNANSWERED = "unanswered"
    """Nobody has used it, and it is unknown whether OpsHub was given its seal."""


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One session between its initialize and its cleanup. Moments are seconds since the epoch."""

    session_id: str
    """Canonical UUID text."""
    system_id: str | None
    origin: str
    """Where the end system is, as in a debt."""
    login_id: str
    """Tells the logins of one session apart: a random word, which its seal holds as well."""
    opened_at: float
    used_at: float
    """When it was last seen in use, some seconds late: use is written down in batches."""
    credential: Credential | None = None
    """What logs it out; None if no login was made."""
    version: int = 0
    """How often its end system has renewed the credential since the seal was made."""
    is_shared: bool = False
    """Whether its end system gives several sessions one login: it is ended with the last of those with this credential."""
    seat: Seat | None = None
    """That of its opening, as the ledger knows; None if logins are not counted."""
    key_id: str | None = field(default=None, compare=False)
    """The key of its seal, which its row names; None if that is not known."""


Login = tuple[str, str]
"""The id of a session, and of one of its logins."""


@dataclass(frozen=True, slots=True)
class Use:
    """When a session was last used, or the answer of its initialize was written."""

    login_id: str
    """By which login. A session that was opened anew since is another life."""
    moment: float
    """Seconds since the epoch."""
    calls: int = 0
    """How many calls have begun since the use that was noted before."""


class Renewal(Struct, frozen=True):
    """A credential that an end system has put in the place of another one."""

    session_id: str
    login_id: str
    version: int
    """Which credential was replaced: as in `OpenSession`."""
    credential: Credential
    """The new one."""
    ends_refresh: bool = False
    """Whether it is what a refresh has made, whose claim ends with it."""

    def is_overtaken_by(self, current: "Current") -> bool:
        """Tell whether the session is open by another credential that somebody has recorded meanwhile."""
        return current.is_open and current.credential != self.credential


class Current(Struct, frozen=True):
    """The credential of a login as its end system has renewed it last."""

    credential: Credential | None
    """None if the login has none, or was ended."""
    version: int
    """As in `OpenSession`."""
    is_open: bool = True
    """Whether the session is open by this login. Otherwise the login is owed, or was ended."""


class RefreshState(Enum):
    """Who refreshes a login."""

    OURS = "ours"
    ANOTHERS = "another's"
    """Another owner does, and may renew the login at any time."""
    NOT_DUE = "not due"
    """Nobody does: the credential is another one by now, or the session is not open by this login."""


class RefreshClaim(Struct, frozen=True):
    """What became of the wish to refresh a login."""

    state: RefreshState
    current: Current | None
    """The login's credential now; None if the session is not open by it, or if it has none."""


class Replaced(Struct, frozen=True):
    """The login that a second initialize replaces."""

    login: OpenSession | None = None
    """As its seal shows it, if a caller has shown one. The ledger may have a row of it or not."""
    is_static: bool = False
    """Whether that login cannot be ended, because its end system ends no sessions."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a ledger knows of open sessions."""

    ledger_id: bytes
    """Stands for this ledger: never that of another, nor of one that was made anew."""
    logins: Mapping[str, str]
    """Session id -> login id, the latest if a session has several."""
    earlier: Mapping[str, tuple[str, ...]]
    """Session id -> ids of its other logins: their key was missing for a while, so that no row could be replaced."""
    older_keys: Mapping[str, int]
    """How many of their seals were made with which key that is not the current one."""
    keyless: int
    """Rows whose key is missing, and with it the key of their sessions' seals."""
    damaged: int
    """Rows that do not verify: their sessions count as dead."""
    renewed: Mapping[str, Current] = field(default_factory=dict)
    """Session id -> current credential of its latest login, if its seal holds an older one."""
    unknown: int = 0
    """Logins of which nobody knows what they have made."""
    adopted: Collection[bytes] = ()
    """What stands for other ledgers that have moved into this one: it knows their sessions, too."""
