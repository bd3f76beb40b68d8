"""What an administrator is shown of sessions, as values. No credential is in them."""

from typing import Annotated, Literal

import msgspec

from connector.admin.shown import LastAnswer
from connector.model.begun import refreshed_by
from connector.model.cleanup import CleanupReport
from connector.model.debts import LogoutState
from connector.model.listed import TICK, ListedSession, SessionState, Wanted
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.workers.overdue import ticks_of

SessionChoice = Literal["open", "opening", "unknown"]
"""In which state a session is wanted: as in `SessionState`."""
LONGEST_IDLE = 1e10
"""Seconds: some centuries."""
LOOK_FOR_IT = "nobody knows what its login has made: look for it in the end system, and end it there"
LOOK_BEHIND_IT = (
    "nobody knows what a refresh of its login has made, and the logout could only use the credential before that: look for the"
    " login in the end system, and end it there"
)
OVERTAKEN = "a cleanup came while its login is under way: what it makes is ended"


class SessionFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sessions are wanted: those that fit whatever is not None."""

    state: SessionChoice | None = None
    system: str | None = None
    origin: str | None = None
    idle: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_IDLE)] | None = None
    """At least so many seconds without use."""

    @property
    def wanted(self) -> Wanted:
        """Return it as the ledger takes it."""
        return Wanted(
            states=None if self.state is None else [SessionState(self.state)],
            system=self.system,
            origin=self.origin,
            idle=None if self.idle is None else _ticks_without_use(self.idle),
        )


class ShownSession(msgspec.Struct, frozen=True, kw_only=True):
    """One login of a session. Moments are seconds since the epoch."""

    place: int
    """Orders a listing; the next page begins after the last one's."""
    session: str
    system: str | None
    origin: str
    """Where its login was made."""
    login: str
    """Tells the logins of one session apart; nobody gets in by it."""
    state: str
    reason: str | None
    """What a person has to know about the state."""
    usable: bool
    """Whether the row can be acted upon: it is not damaged, and its key is there."""
    opened_at: float
    used_at: float | None
    """When it was last seen in use; None if it is not open."""
    idle: float | None
    """For how many seconds of a running server it has surely not been used, by the minute; None if it is not open."""
    calls: int
    sharers: int
    """How many other sessions have the same login."""


class ClosedSession(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a session that an administrator has closed."""

    session: str
    login: str
    recorded: bool
    """Whether what was owed was durable before it was tried."""
    state: str
    """Who has to do something about its logout, in the words of `ShownDebt`."""
    logout: LastAnswer
    evictions: dict[str, str]
    """What became of the eviction from each driver."""
    hooks: dict[str, str]


def shown_session(listed: ListedSession) -> ShownSession:
    """Return what is shown of a session."""
    return ShownSession(
        place=listed.place,
        session=listed.session_id,
        system=listed.system_id,
        origin=listed.origin,
        login=listed.login_id,
        state=listed.state.value,
        reason=_reason(listed),
        usable=listed.unusable is None,
        opened_at=listed.opened_at,
        used_at=listed.used_at,
        idle=None if listed.idle is None else _seconds_of(listed.idle),
        calls=listed.calls,
        sharers=listed.sharers,
    )


def _ticks_without_use(seconds: float) -> int:
    return ticks_of(seconds) if seconds else 0


def _seconds_of(ticks: int) -> float:
    """Return how many seconds have surely passed: the first tick may be a short one."""
    return max(0, ticks - 1) * TICK


def closed_session(login_id: str, report: CleanupReport) -> ClosedSession:
    """Return what is shown of a cleanup that an administrator has asked for."""
    outcome = report.logout.outcome
    return ClosedSession(
        session=report.request.session_id,
        login=login_id,
        recorded=report.recorded,
        state=_state_after(outcome).value,
        logout=LastAnswer(outcome.result.value, outcome.code, outcome.message, outcome.proved),
        evictions={driver: step.outcome.result.value for driver, step in report.evictions.items()},
        hooks={hook: step.outcome.result.value for hook, step in report.hooks.items()},
    )


def _state_after(outcome: LogoutOutcome) -> LogoutState:
    if outcome.closes:
        return LogoutState.CLOSED
    return LogoutState.OWED if outcome.result is LogoutResult.PENDING else LogoutState.WAITING


def _reason(listed: ListedSession) -> str | None:
    if listed.unusable is not None:
        return listed.unusable
    if listed.state is SessionState.UNKNOWN:
        return LOOK_FOR_IT if refreshed_by(listed.login_id) is None else LOOK_BEHIND_IT
    return OVERTAKEN if listed.overtaken else None
