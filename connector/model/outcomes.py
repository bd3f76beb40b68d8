"""What became of one step of a cleanup: typed values, never booleans."""

from enum import StrEnum

import msgspec


class LogoutResult(StrEnum):
    """How an end system's logout ended; the words are those of the cleanup report."""

    VERIFIED = "verified"
    """Done, and a probe with the old credential was refused."""
    ACKNOWLEDGED = "acknowledged"
    """The end system said that it is done."""
    ALREADY_OUT = "already_out"
    """The end system no longer knew the session."""
    NOT_APPLICABLE = "not_applicable"
    """There is nothing to log out of."""
    PENDING = "pending"
    """Not for now: the same request may succeed later."""
    REFUSED = "refused"
    """Trying again will not help: it needs attention."""
    FAILED = "failed"
    """A defect in this software or in the author's end-system class; logged with its traceback."""
    HELD = "held"
    """Nothing was sent: today's configuration does not lead to the end system of the login, or the ledger could not record it."""


class LivesOn(msgspec.Struct, frozen=True):
    """A credential that works after its logout, as its profile allows."""

    credential: str
    """Which one, in the profile's words."""
    until: float | None = None
    """When it ends by itself, in seconds since the epoch, if it tells."""


class LogoutOutcome(msgspec.Struct, frozen=True):
    """The outcome of one logout. `code` and `message` explain it to a person and never hold a secret."""

    result: LogoutResult
    code: str | None = None
    """The end system's own code if it gave one, otherwise one of ours (`credential_missing`, `timeout`, ...)."""
    message: str | None = None
    retry_after: float | None = None
    """Seconds to wait before the next try, as the end system asked for. Not bounded yet: see `connector.model.retry_after`."""
    proved: bool | None = None
    """Of `already_out`: whether the credential is known to have worked at this end system. If not, a gateway may answer for it.

    None: not told yet; `Logouts` knows.
    """
    lives_on: tuple[LivesOn, ...] = ()
    """What the logout could not end, and was not expected to."""

    @property
    def is_unproved(self) -> bool:
        """Whether the end system did not know the session, and nothing shows that it ever knew the credential."""
        return self.result is LogoutResult.ALREADY_OUT and not self.proved

    @property
    def closes(self) -> bool:
        """Whether nothing is left to do for this login."""
        return self.result not in {LogoutResult.PENDING, LogoutResult.REFUSED, LogoutResult.FAILED, LogoutResult.HELD}


NOTHING_TO_END = LogoutOutcome(LogoutResult.NOT_APPLICABLE)
"""Of every session, if its end system has no sessions."""
NO_LOGIN = LogoutOutcome(LogoutResult.NOT_APPLICABLE, "no_login", "this session never logged in")
"""Of a session that was opened without a login."""
UNKNOWN_LOGIN = LogoutOutcome(LogoutResult.NOT_APPLICABLE, "unknown_session", "nothing shows that this session ever logged in")
"""Of a cleanup without anything of a login, if every login made here leaves something with its caller."""
IN_USE_AGAIN = LogoutOutcome(LogoutResult.NOT_APPLICABLE, "in_use_again", "the end system has handed out this login once more")
"""Of a login that another session uses as well: ending that one ends both."""
SHARED = LogoutOutcome(LogoutResult.NOT_APPLICABLE, "shared", "other sessions have this login; the last one ends it")
"""Of a session whose login other sessions have as well, where the profile says that they share it."""
OVER_BEFORE = LogoutOutcome(
    LogoutResult.NOT_APPLICABLE, "over_before", "it was ended before the ledger could record that it has to be"
)
"""Of a login that the ledger has as owed, and this process has logged out while the ledger could not be told."""
USED_BY_OTHERS = frozenset([IN_USE_AGAIN, SHARED])
"""Of logins that were not ended, because others use them."""
WITHOUT_ASKING = frozenset([NOTHING_TO_END, NO_LOGIN, UNKNOWN_LOGIN])
"""What is said of a cleanup without a look at the ledger: it ends no login that is known to be there."""
NO_LOGOUT = LogoutOutcome(LogoutResult.HELD, "no_logout", "this login has to be ended, and today's profile ends none")
OTHER_END_SYSTEM = LogoutOutcome(
    LogoutResult.HELD, "other_end_system", "this login was made at another address than today's end system has"
)
NOT_RECORDED = LogoutOutcome(
    LogoutResult.HELD, "not_recorded", "the ledger could not record it; it is logged out once the ledger works again"
)
"""Of a session that nobody has asked to end. If the server ended first, its row would say open after the logout."""

IN_HAND_ELSEWHERE = LogoutOutcome(
    LogoutResult.PENDING, "in_hand_elsewhere", "another server of this connector logs it out now, or will do so"
)
"""Of a login that this server has not asked the end system about, because two would ask at once. It is never recorded."""

BEING_RENEWED = LogoutOutcome(
    LogoutResult.PENDING, "being_renewed", "its credential is being renewed; it is logged out once that is over"
)
"""Of a login whose refresh takes too long: what is known of its credential may be spent. It is never recorded."""


def late_answer(seconds: float) -> str:
    """Return the message of an outcome whose end system was too slow."""
    return f"the end system did not answer within {seconds:g} s"


class LoginResult(StrEnum):
    """How an attempt to log in to an end system ended."""

    LOGGED_IN = "logged_in"
    NOT_APPLICABLE = "not_applicable"
    """There is nothing to log in to: the credential is static, or the connector makes no logins."""
    REFUSED = "refused"
    """The end system refused the credentials or the settings: trying the same again will not help."""
    UNAVAILABLE = "unavailable"
    """The end system is away, or did not answer in time."""


class EvictResult(StrEnum):
    """How the eviction from one driver ended."""

    EVICTED = "evicted"
    UNAVAILABLE = "unavailable"
    """The store did not do it, or not in time."""
    FAILED = "failed"
    """A defect in the driver; logged with its traceback."""


class EvictOutcome(msgspec.Struct, frozen=True):
    """The outcome of the eviction from one driver; `message` is for a person and never holds a secret."""

    result: EvictResult
    message: str | None = None


class HookResult(StrEnum):
    """How one of the author's cleanup hooks ended."""

    DONE = "done"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    SKIPPED = "skipped"
    """It was not run: only one login was to be ended, and the session is open by another one, or may be."""


class HookOutcome(msgspec.Struct, frozen=True):
    """The outcome of one of the author's cleanup hooks."""

    result: HookResult
    message: str | None = None


OPEN_ANEW = HookOutcome(HookResult.SKIPPED, "the session is open again, by another login")
PERHAPS_OPEN_ANEW = HookOutcome(HookResult.SKIPPED, "the ledger does not tell whether the session is open again")
