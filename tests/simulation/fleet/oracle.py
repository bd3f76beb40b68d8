"""What is true of a fleet, when: which seals are alive, and what a read may show."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from drivers import Scope, SessionScope
from tests.simulation.oracle import Loaded, Oracle, Reading, named


@dataclass(slots=True, eq=False)
class Life:
    """One login of a session, from the 200 that OpsHub got for it."""

    session_id: str
    seal: str
    token: str
    made: int
    """The event after which its login was made."""
    opened_by: str
    """The process."""
    opened_at: float
    may_be_over: bool
    """Whether somebody has asked for its end."""
    over: int | None = None
    """The event at which a request was received that has ended it, and was answered 200."""
    is_over_for_good: bool = False
    """Whether OpsHub was told so by a cleanup, or by an initialize when the database had forgotten nothing. Otherwise
    another replica may open it again, once the login is over that has replaced it: docs/ledger.md has it among the known gaps."""
    over_at: float = 0.0
    """When that answer came."""
    used_at: float = 0.0
    """When it was last known to be alive."""
    rested: float = 0.0
    """The longest time until now in which nobody used it."""

    def used(self, began: float, ended: float) -> None:
        """Note a call that was served."""
        self.rested, self.used_at = max(self.rested, began - self.used_at), max(self.used_at, ended)


@dataclass(slots=True)
class FleetOracle(Oracle):
    """Judges calls and reads."""

    lives: dict[str, list[Life]] = field(default_factory=dict)
    """By session."""
    not_judged: set[str] = field(default_factory=set)
    """Processes whose store has two masters: what one of these is told, the other does not know."""
    nobodys: set[str] = field(default_factory=set)
    """Logins that only a replica knew which others had taken for gone: their seats were given to others."""
    joined: int = 0
    """The event after which there was one master again."""

    def lives_of(self, session_id: str) -> Sequence[Life]:
        """Return the lives that a session has had until now."""
        return [*self.lives.get(session_id, [])]

    def opened(self, life: Life) -> None:
        """Note a session that is open."""
        self.lives.setdefault(life.session_id, []).append(life)

    def ending(self, session_id: str) -> None:
        """Note that somebody asks for the end of a session, or of its login."""
        for life in self.lives_of(session_id):
            life.may_be_over = True

    def let_go(self, process: str, since: float, *, for_good: bool) -> None:
        """Note that nobody may know of what a process has opened since then; with `for_good`, it opens nothing again."""
        for life in (life for lives in self.lives.values() for life in lives):
            if life.opened_by == process and life.opened_at >= since:
                life.may_be_over = True
                life.is_over_for_good |= for_good
                self.nobodys.add(life.token)

    def ended(self, lives: Sequence[Life], received: int, now: float, *, for_good: bool = True) -> None:
        """Note that OpsHub was told that these are over."""
        for life in lives:
            life.is_over_for_good |= for_good
            if life.over is None:
                life.may_be_over, life.over, life.over_at = True, received, now

    def reading_of(self, process: str, scope: Scope, key: str) -> Reading:
        """Note that a read begins. It may show what is old while the store has two masters."""
        reading = self.reading(process, scope, key, "get")
        return Reading(scope, key, reading.began, 0) if process in self.not_judged else reading

    def has_found(self, reading: Reading, found: Loaded | None, life: Life) -> None:
        """Judge what a call by this seal has read."""
        self.has_read(reading, found, "get")
        if found is not None and isinstance(reading.scope, SessionScope) and found.began < life.made:
            self.broken(f"{named(reading.scope)} by {life.token} shows what an earlier login has cached at {found.began}")
