"""One initialize as values: what was asked for, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from connector.endsystems.end_system import LoginOutcome
from connector.sessions.seal import Sealed


@dataclass(frozen=True, slots=True)
class OpeningRequest:
    """One call of initialize, parsed; its settings have been checked."""

    session_id: str
    """Canonical UUID text."""
    system_id: str | None
    settings: Mapping[str, str] = field(repr=False)
    replaced: Sealed | None = None
    """What the session was until now, where the caller has shown it."""


@dataclass(frozen=True, slots=True)
class Opened:
    """The session is open and recorded."""

    headers: Mapping[str, str] = field(repr=False)
    """What OpsHub has to send along with every later call: the seal first."""


class NotOpened(Enum):
    """Why a session is not open although the end system did not refuse it. A login that was made is being ended."""

    OVERTAKEN = "overtaken"
    """A cleanup of the session was received, or nobody waits for its seal any more."""
    NOT_RECORDED = "not_recorded"
    """The ledger could not record it."""
    DEFECT = "defect"
    """Of the end system's class or profile; logged."""
    STOPPING = "stopping"
    """The server is being stopped: the end system was not asked."""


Result = Opened | NotOpened | LoginOutcome
