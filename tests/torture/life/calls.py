"""What was asked of the server and what it answered: values that are judged when all is over. Moments are the loop's."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

TICK = 0.2
"""Seconds that count as a minute of idle time."""
NO_TICK = 86_400.0
"""The same for a server in which nobody becomes idle."""


class Kind(StrEnum):
    """What a client asks for."""

    INITIALIZE = "initialize"
    USE = "use"
    CLEANUP = "cleanup"


@dataclass(frozen=True, slots=True)
class Seen:
    """A value that a call was given: by which login the end system was asked for it, and its number there."""

    ticket: str
    serial: int


@dataclass(slots=True)
class Call:
    """One call of a client. A login is known by its ticket, which the client puts into the settings of its initialize."""

    kind: Kind
    session: str
    system: str | None
    began: float
    serial: int
    """The highest number that the end system had given to a value when the call began."""
    shown: str | None = None
    """The ticket of the login whose seal the client has shown."""
    ticket: str = ""
    """Of an initialize: its own."""
    pool: str = ""
    """Of an initialize: whose licence its login is made on."""
    whole_system: bool = False
    """Of a cleanup: whether the system's cache has to go, too."""
    checked: bool = False
    """Whether it was made when all was over: server and end system are healthy, and nobody else calls."""
    left: float = inf
    """When the client had its answer, or had none and waited no longer."""
    status: int | None = None
    """None if no answer came."""
    word: str = ""
    """The code of an error, or the outcome of a cleanup's logout."""
    own: Seen | None = None
    shared: Seen | None = None
    """Of a call that uses the session: what was in the session's cache, and in its system's."""

    def __str__(self) -> str:
        shown = "without a seal" if self.shown is None else f"by the seal of {self.shown}"
        what = f"{self.kind} {self.ticket} {shown}{', whole system' if self.whole_system else ''}"
        seen = "" if self.own is None and self.shared is None else f" {self.own} {self.shared}"
        return f"{what}: {self.status or 'no answer'} {self.word}{seen} at {self.left:.3f}"


class End(StrEnum):
    """How a server's life ends."""

    KILLED = "SIGKILL"
    KILLED_PAUSED = "SIGSTOP, SIGKILL"
    STOPPED = "SIGTERM"
    KILLED_STOPPING = "SIGTERM, SIGKILL"

    @property
    def is_kill(self) -> bool:
        return self is not End.STOPPED


ENDED_ITSELF, PAUSED, CROWDED = "ended before the kill", "SIGSTOP, SIGCONT", "disk full"
HAPPENINGS = (*End, ENDED_ITSELF, PAUSED, CROWDED)
"""What happens to a server, as it is counted."""


@dataclass(slots=True)
class Life:
    """One server process, from before its start until nothing of it can reach the end system any more."""

    plan: str
    started: float
    died: float = inf
    killed: bool = False
    """Whether it ended by SIGKILL."""
    tick: float = TICK
    """Seconds that it counts as a minute of idle time."""
    pauses: list[tuple[float, float]] = field(default_factory=list)
    """From when until when it was stopped."""

    def ran(self, since: float) -> float:
        """Return how many seconds it was running from that moment until its end."""
        stopped = sum(end - max(start, since) for start, end in self.pauses if end > since)
        return max(0.0, self.died - since - stopped)

    def __str__(self) -> str:
        return f"server from {self.started:.3f} until {'SIGKILL' if self.killed else 'its end'} at {self.died:.3f}: {self.plan}"


def now() -> float:
    """Return the moment, by the loop's clock."""
    return asyncio.get_running_loop().time()
