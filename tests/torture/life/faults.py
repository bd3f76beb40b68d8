"""Kinds of faults, and a fault of a session."""

from dataclasses import dataclass
from enum import StrEnum


class Wrong(StrEnum):
    """What may not be."""

    LOST = "lost"
    """A login is alive, and no cleanup of its session ends it; no kill accounts for it."""
    NOT_ENDED = "not ended"
    """A login is alive although its session was cleaned up, or it was replaced, and nothing is owed."""
    DEAD_SEAL = "dead seal served"
    STALE = "stale"
    """A call was given what had been cached before a cleanup or a new login."""
    TWICE = "twice"
    """A logout was asked for after a 200 had said that it was done."""
    TURNED_AWAY = "turned away"
    """A session that nobody has ended was answered 401: it is closed, or its login is dead."""
    OPEN_ON_PAPER = "open on paper"
    """The ledger has a session as open that has no login, or does not have one that has."""
    BEYOND = "beyond the licence"
    """A login was sent while as many as the licence allows were alive, and the server could know that."""
    STALLED = "stalled"
    """An initialize found no seat, although the logins that may hold one are fewer than the licence allows."""
    NO_TRACE = "no trace"
    """A login is alive, nobody has its credential, and the ledger has no row of it."""
    NO_CAUSE = "unknown without a cause"
    """The ledger has more unknown logins of a session than logins and refreshes that a kill or no answer accounts for."""
    DEFECT = "defect"
    """An answer that there should not be, a server that does not end well, two logins for one initialize or two refreshes by
    one credential."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong, and whose session shows it."""

    wrong: Wrong
    what: str
    session: str = ""
