"""Seats: how many logins of one end system, or of one user of it, may be alive at a time, and what holds them."""

from dataclasses import dataclass

import msgspec
from msgspec import Struct


class Seat(msgspec.Struct, frozen=True):
    """A login's place in its pool."""

    pool: bytes
    """A keyed digest of the pool's name."""
    since: int
    """The tick of the ledger at which the login was made, or later."""
    is_held: bool = True
    """Whether the login may still be alive."""


@dataclass(frozen=True, slots=True)
class HeldSeats:
    """What holds the seats of a pool."""

    sessions: int = 0
    """Open ones. Those that share a login hold one seat."""
    openings: int = 0
    """Logins that are under way."""
    unknown: int = 0
    """Logins of which nobody knows what they have made."""
    owed: int = 0
    """Logouts that the retries will do."""
    waiting: int = 0
    """Logouts that need attention."""
    unproved: int = 0
    """Logouts that are closed, but only because an end system did not know a credential that was never seen to work."""

    @property
    def by_what(self) -> dict[str, int]:
        """Return how many seats are held by what, in the words that a person is shown."""
        return {
            "open": self.sessions,
            "opening": self.openings,
            "unknown": self.unknown,
            "owed": self.owed,
            "needs attention": self.waiting,
            "unproved": self.unproved,
        }

    @property
    def total(self) -> int:
        """How many seats are held."""
        return self.sessions + self.openings + self.unknown + self.owed + self.waiting + self.unproved


class Pool(Struct, frozen=True):
    """A pool of which seats are held."""

    name: str
    """The first characters of the digest of its name, which no row holds."""
    origin: str
    """Where its logins are made."""
    held: HeldSeats
