"""Logins that are about to be made, as values: each between its initialize and what became of it."""

from dataclasses import dataclass, field

from msgspec import Struct

from connector.model.debts import Debt

REFRESH = "refresh."
"""How the id begins that the refresh of a login has as an opening. No login's own id has a full stop."""


def refresh_of(login_id: str) -> str:
    """Return the id of the opening that a refresh of this login is."""
    return REFRESH + login_id


def refreshed_by(opening_id: str) -> str | None:
    """Return which login is refreshed by an opening; None if that makes a login of its own."""
    return opening_id.removeprefix(REFRESH) if opening_id.startswith(REFRESH) else None


@dataclass(frozen=True, slots=True)
class Opening:
    """A login that is about to be sent. Nobody has its credential yet."""

    session_id: str
    """Canonical UUID text."""
    system_id: str | None
    origin: str
    """Where today's end system is. No credential tells where a login will be made."""
    login_id: str
    """A random word, which the session gets as well; of a refresh, see `refresh_of`."""
    opened_at: float
    """When the login was about to be sent, in seconds since the epoch; shown only."""
    pool: str | None = field(default=None, repr=False)
    """Whose seat it takes; None if logins are not counted."""


class Recorded(Struct, frozen=True):
    """What became of the record of a session."""

    is_open: bool
    """Whether the session is open. Otherwise a cleanup came first, or nobody knew of its opening: its login is owed."""
    owed: Debt | None = None
    """The eviction that is owed now; None if nothing is replaced."""

    @property
    def owes_logout(self) -> bool:
        """Whether a login may be due by this record: its own, or that of what it replaces."""
        return not self.is_open or self.owed is not None
