"""The cleanup as values: what was asked for, and the report of what became of it."""

from collections.abc import Collection, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from connector.model.credential import Credential
from connector.model.outcomes import EvictOutcome, HookOutcome, LogoutOutcome
from drivers import Scope, SessionScope, SystemScope

Outcome = TypeVar("Outcome")


class CleanupRequest(msgspec.Struct, frozen=True):
    """One call of Session Logout, parsed and valid. `global_cache` implies a `system_id`."""

    session_id: str
    """Canonical UUID text: lower case, hyphens."""
    system_id: str | None
    global_cache: bool
    credential: Credential
    login_id: str = ""
    """Which of the session's logins has to be ended, as its seal says; empty without a seal."""
    origin: str | None = None
    """Where its login was made, as its seal says; None if there is no seal, or if it does not say so."""
    foregone: LogoutOutcome | None = None
    """The logout's outcome if it is clear from the start, because there is nothing to log out of. Nothing is sent then."""
    version: int = 0
    """How often the credential was renewed since the seal was made, as far as this process knows."""
    is_shared: bool = False
    """Whether several sessions may have this login, as the ledger knows."""

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """What has to be evicted."""
        session = SessionScope(self.session_id, self.system_id)
        if self.global_cache and self.system_id is not None:
            return (session, SystemScope(self.system_id))
        return (session,)


class Missed(msgspec.Struct, frozen=True):
    """A cleanup that could not be recorded when it was received, and what is left of it."""

    request: CleanupRequest
    """If the logout is done, its outcome is a foregone one."""
    origin: str
    drivers: Sequence[str]
    """Drivers that could not evict."""
    logins: Collection[str]
    """Ids of the logins that were open when the cleanup was received. No clock is asked, because a clock may jump."""


class Timed(msgspec.Struct, Generic[Outcome], frozen=True):
    """An outcome and the whole milliseconds that it took."""

    outcome: Outcome
    milliseconds: int


class CleanupReport(msgspec.Struct, frozen=True):
    """What became of every step of one cleanup."""

    request: CleanupRequest
    milliseconds: int
    recorded: bool
    """Whether what was owed, if anything, was durable before it was tried."""
    authority: str
    """Name of the driver whose eviction decides whether a stale read is possible."""
    logout: Timed[LogoutOutcome]
    attempts: int
    evictions: Mapping[str, Timed[EvictOutcome]]
    """By driver name, in the order of the configuration."""
    hooks: Mapping[str, Timed[HookOutcome]] = msgspec.field(default_factory=dict)
