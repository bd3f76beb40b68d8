"""What is owed, as values: a session's logout, and evictions from drivers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec
from msgspec import Struct

from connector.model.credential import Credential
from connector.model.outcomes import LogoutOutcome
from connector.model.seat_pools import Seat
from drivers import Scope


class LogoutState(StrEnum):
    """Who has to do something about a logout."""

    OWED = "owed"
    """The retries will, when it is due."""
    WAITING = "waiting"
    """A person, because it was refused or given up: it needs attention."""
    CLOSED = "closed"
    """Nobody."""


class Debt(msgspec.Struct, frozen=True):
    """One row of the ledger: one login of one session. Moments are seconds since the epoch."""

    id: int
    session_id: str
    system_id: str | None
    origin: str
    """Where the end system is; retries are bounded for each origin."""
    fingerprint: bytes
    """Tells logins apart: a keyed digest of the session, the login's id and the credential."""
    login_id: str = ""
    """Which of the session's logins it is, as its seal says; empty where the credential came without a seal."""
    state: LogoutState = LogoutState.OWED
    outcome: LogoutOutcome | None = None
    """The outcome of the last try; None while no try has ended."""
    attempts: int = 0
    waited: float = 0.0
    """Seconds of scheduled waiting so far, which a clock that jumps does not change."""
    evictions: Mapping[str, tuple[Scope, ...]] = msgspec.field(default_factory=dict)
    """What is still owed to which driver."""
    revision: int = 1
    """How many cleanups asked for it."""
    recorded_at: float = 0.0
    due_at: float = 0.0
    closed_at: float | None = None
    """When nothing was owed any more."""
    dismissed: str | None = None
    """Why a person closed the logout although it was not done."""
    unusable: str | None = None
    """Why the row is shown but never acted upon: it does not verify, or its key is missing. All that it says is a claim then."""
    in_hand_elsewhere: bool = False
    """Whether another owner of the ledger tries it now, or refreshes its login. Only the answer to a cleanup tells it."""
    moved_to: str | None = None
    """Where an administrator has it ended besides `origin`: where the end system is today."""
    credential: Credential | None = None
    """None once the logout is closed, and wherever it is not needed."""
    version: int = 0
    """How often its end system has renewed the credential since the seal was made."""
    is_shared: bool = False
    """Whether several sessions may have this login: nothing is owed any more once another one is opened with it."""
    seat: Seat | None = None
    """None if logins are not counted, or if its session was not opened in this ledger."""

    @property
    def places(self) -> tuple[str | None, ...]:
        """Where the logout may be sent."""
        return self.origin, self.moved_to

    @property
    def owes_nothing(self) -> bool:
        """Whether the logout is closed and every eviction done."""
        return self.state is LogoutState.CLOSED and not self.evictions

    @property
    def is_unproved(self) -> bool:
        """Whether the logout is closed although its login may be alive: a gateway may have answered for the end system."""
        is_closed = self.state is LogoutState.CLOSED and self.dismissed is None
        return is_closed and self.outcome is not None and self.outcome.is_unproved


@dataclass(frozen=True, slots=True)
class Totals:
    """How many rows are in which state."""

    owed: int
    waiting: int
    closed: int
    """Rows that owe nothing any more and are kept for the duplicates that may still come."""
    evictions: int
    """Rows that owe an eviction, whatever their logout's state."""
    quarantined: int
    unreadable: int
    """Rows whose key is missing, by their own claim, whatever their state; those of open sessions among them."""
    oldest: float | None
    """When the oldest of the rows that still owe something was recorded."""
    sessions: int = 0
    """Open sessions."""
    older_keys: Mapping[str, int] = field(default_factory=dict)
    """How many of them need which older key, also a missing one."""
    openings: int = 0
    """Logins that are under way."""
    unknown: int = 0
    """Logins of which nobody knows what they have made, because their owner is gone or had no answer."""
    bytes: int = 0
    """What the ledger takes in its store."""
    maybe_twice: int = 0
    """Logouts since the start that may be sent twice: a try's server was gone, or its end could not be recorded."""
    rewinds: int = 0
    """How often its store had forgotten what it had acknowledged to this server, as a fail-over may do."""
    gives_seats: bool = True
    """Whether all that holds a seat is known; otherwise none is given."""


class Sorted(msgspec.Struct, frozen=True):
    """A debt, and what today's end system has to do with it."""

    debt: Debt
    held: LogoutOutcome | None
    """Why it cannot be ended today; None if it can be."""


class Group(Struct, frozen=True):
    """Debts that are owed to one end system, or held back from it."""

    state: LogoutState
    origin: str
    size: int
