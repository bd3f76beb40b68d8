"""Sessions as a person is shown them, without their credentials, and which of them are wanted."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

TICK = 60.0
"""Seconds of a running server that one tick of a ledger stands for."""


class SessionState(StrEnum):
    """How far a login has come."""

    OPEN = "open"
    """A session is open by it."""
    OPENING = "opening"
    """It is under way."""
    UNKNOWN = "unknown"
    """Nobody knows what it has made."""


@dataclass(frozen=True, slots=True)
class ListedSession:
    """One login of a session. Moments are seconds since the epoch."""

    place: int
    """Orders a listing: logins of which nobody has a credential come first, and of each kind the oldest."""
    session_id: str
    system_id: str | None
    origin: str
    """Where its login was made, or is being made."""
    login_id: str
    """Tells the logins of one session apart."""
    state: SessionState
    opened_at: float
    used_at: float | None = None
    """When it was last seen in use, some seconds late; None if it is not open."""
    idle: int | None = None
    """How many ticks of the ledger it has not been used; None if it is not open."""
    calls: int = 0
    """How many calls of it were noted."""
    sharers: int = 0
    """How many other sessions are open by the same login."""
    overtaken: bool = False
    """Whether a cleanup came while its login was under way."""
    unusable: str | None = None
    """Why the row is shown but never acted upon: it does not verify, or its key is missing. All that it says is a claim then."""


class Wanted(Struct, frozen=True):
    """Which of them are wanted: each field that is not None has to fit."""

    states: Collection[SessionState] | None = None
    session: str | None = None
    system: str | None = None
    origin: str | None = None
    idle: int | None = None
    """At least so many ticks without use. Only what is open fits."""


EVERY = Wanted()
