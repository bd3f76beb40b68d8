"""Open sessions as values: each between its initialize and its cleanup, and all that a ledger knows of."""

from collections.abc import Mapping
from dataclasses import dataclass

from connector.model.credential import Credential


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One session between its initialize and its cleanup. Moments are seconds since the epoch."""

    session_id: str
    """Canonical UUID text."""
    system_id: str | None
    origin: str
    """Where the end system is, as in a debt."""
    login_id: str
    """Tells the logins of one session apart: a random word, which its seal holds as well."""
    opened_at: float
    used_at: float
    """When it was last seen in use, some seconds late: use is written down in batches."""
    credential: Credential | None = None
    """What logs it out; None if no login was made."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """The login that a second initialize replaces."""

    login: OpenSession | None = None
    """As its seal shows it, if a caller has shown one. The ledger may have a row of it or not."""
    is_static: bool = False
    """Whether that login cannot be ended, because its end system ends no sessions."""


@dataclass(frozen=True, slots=True)
class Known:
    """What a ledger knows of open sessions."""

    ledger_id: bytes
    """Stands for this ledger: never that of another, nor of one that was made anew."""
    logins: Mapping[str, str]
    """Session id -> login id, the latest if a session has several."""
    earlier: Mapping[str, tuple[str, ...]]
    """Session id -> ids of its other logins: their key was missing for a while, so that no row could be replaced."""
    older_keys: Mapping[str, int]
    """How many of their seals were made with which key that is not the current one."""
    keyless: int
    """Rows whose key is missing, and with it the key of their sessions' seals."""
    damaged: int
    """Rows that do not verify: their sessions count as dead."""
