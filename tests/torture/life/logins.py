"""The logins of the end system, as it alone knows them, and the credentials by which each is known as time goes by."""

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf

FRESH = 4.0
"""Seconds for which a refreshed login does not expire: longer than a server is stopped before it uses what it was told."""


class Way(StrEnum):
    """How the credential of a login is renewed while its session is in use."""

    NEVER = "never"
    COOKIE = "cookie"
    """An answer sets another cookie. The older ones are good until it has been used."""
    REFRESH = "refresh"
    """It expires. A request of its own spends it for another one, and it is good for nothing any more."""


@dataclass(slots=True)
class Refresh:
    """A credential that was spent for another one."""

    asked: float
    """When its request came."""
    told: float = 0.0
    """When the end system has answered it."""
    untold: bool = False
    """Whether the end system broke off the answer."""
    carried: float = inf
    """When the first request came that carried the new credential."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a logout."""

    moment: float
    number: int
    """Of the credential that it carried."""


@dataclass(slots=True)
class Login:
    """One login, as the end system alone knows it. Its credentials are numbered from 0."""

    ticket: str
    token: str
    asked: float
    """When its first request came."""
    way: Way = Way.NEVER
    told: float = 0.0
    """When the end system last answered a request that carried or made it."""
    untold: bool = False
    """Whether the end system broke off the answer that should have told the token: nobody could ever end it."""
    alive: bool = True
    has_expired: bool = False
    """Whether it has to be refreshed before it is good for anything but that and its end."""
    good_from: int = 0
    """The number of the oldest credential that is good."""
    newest: int = 0
    asked_to_end: list[Asked] = field(default_factory=list)
    refreshes: list[Refresh] = field(default_factory=list)
    """If it is renewed so: by the number of the credential that each has spent."""
    refused: list[float] = field(default_factory=list)
    """When the end system has refused a refresh although nothing was wrong with it."""
    spent_again: list[tuple[float, int]] = field(default_factory=list)
    """When a refresh has come with a credential that was spent, and the number of that."""

    @property
    def credential(self) -> str:
        """The newest one."""
        return f"{self.token}.{self.newest}"

    @property
    def unused(self) -> Refresh | None:
        """The refresh whose new credential nobody has carried yet, if there is one: it is the last."""
        return next((refresh for refresh in self.refreshes[-1:] if refresh.carried == inf), None)

    def is_fresh(self, moment: float) -> bool:
        """Tell whether it was refreshed just now, or is being."""
        return any(not refresh.told or moment < refresh.told + FRESH for refresh in self.refreshes[-1:])

    def carried(self, number: int, moment: float) -> bool:
        """Note that a request has come with one of its credentials, and tell whether that one is good.

        A credential that is used ends all that are older.
        """
        if not self.good_from <= number <= self.newest:
            return False
        self.good_from = number
        if self.refreshes and self.unused is not None:
            self.refreshes[-1].carried = moment
        return True

    def renew(self) -> None:
        """Make another credential; the older ones are good until it is used."""
        self.newest += 1

    def refresh(self, moment: float) -> Refresh:
        """Spend the newest credential for another one."""
        self.renew()
        self.good_from, self.has_expired = self.newest, False
        self.refreshes.append(Refresh(moment))
        return self.refreshes[-1]
