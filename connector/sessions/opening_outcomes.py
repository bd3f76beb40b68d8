"""One initialize as values: the request, the login that is made for it, and its outcome."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from msgspec import Struct

from connector.endsystems.end_system import LoginOutcome
from connector.model.begun import Opening
from connector.sessions.seal import Sealed


@dataclass(frozen=True, slots=True)
class OpeningRequest:
    """One call of initialize, parsed, with checked settings."""

    session_id: str
    """Canonical UUID text."""
    system_id: str | None
    settings: Mapping[str, str] = field(repr=False)
    replaced: Sealed | None = None
    """The session's earlier seal, if the caller has shown it."""


@dataclass(slots=True, eq=False)
class Caller:
    """Whoever has asked for a session."""

    is_there: Callable[[], bool]
    was_answered: bool = False
    came: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    """When, by the clock of the event loop."""
    waited: float = 0.0
    """Seconds for a seat."""

    @property
    def waits(self) -> bool:
        """Whether the caller can still be given the seal. Without it, nobody could end the session."""
        return not self.was_answered and self.is_there()


class Beginning(Enum):
    """Whether a login may be sent."""

    BEGUN = "begun"
    """It may: its record is durable."""
    NOT_RECORDED = "not_recorded"
    """The ledger could not record it."""
    NO_SEAT = "no_seat"
    """As many logins as are allowed are alive, or may be."""
    NOT_ENDED = "not_ended"
    """An earlier login of the session is not surely over."""
    NOT_ALONE = "not_alone"
    """It is recorded. But so is another login of the session, and only one is allowed at a time."""
    NOT_WANTED = "not_wanted"
    """A cleanup of the session was received, the caller has gone, or the server ends."""


class Attempt(Struct, frozen=True):
    """One login, from before it is made."""

    request: OpeningRequest
    opening: Opening
    caller: Caller


@dataclass(frozen=True, slots=True)
class Opened:
    """The session is open and recorded."""

    headers: Mapping[str, str] = field(repr=False)
    """What OpsHub has to send along with every later call: the seal first."""
    answered: Callable[[], None] = field(repr=False, compare=False)
    """To be called once the answer is written. A session whose answer is not does not stay open for long."""


class NotOpened(Enum):
    """Why a session is not open although the end system did not refuse it. A login that was made is being ended."""

    OVERTAKEN = "overtaken"
    """A cleanup of the session was received, or the caller has gone and cannot get the seal."""
    NOT_RECORDED = "not_recorded"
    """The ledger could not record it."""
    DEFECT = "defect"
    """Of the end system's class or profile; logged."""
    NOT_ENDED = "earlier_login_not_ended"
    """The session's earlier login has to be ended before, and that is not confirmed. No other was made."""
    NO_SEAT = "no_seat"
    """As many logins as are allowed are alive, or may be. The end system was not asked."""
    STORE_AWAY = "store_away"
    """What the session has cached until now cannot be evicted, and other processes would serve it."""
    STOPPING = "stopping"
    """The server is stopping; the end system was not asked."""


Result = Opened | NotOpened | LoginOutcome
