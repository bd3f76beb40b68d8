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
class Renewal:
    """A new credential in the place of an older one."""

    asked: float
    """When its request came."""
    is_refresh: bool
    """Whether it has spent the older one."""
    told: float = inf
    """When the end system has answered it."""
    untold: bool = False
    """Whether the end system broke off the answer."""
    carried: float = inf
    """When the first request came that carried the new credential."""
    used: float = inf
    """When the first one came that was none of a logout."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a logout."""

    moment: float
    number: int
    """Of the credential that it carried."""


@dataclass(frozen=True, slots=True)
class Beyond:
    """A login that the end system has refused, because as many as its licence allows were alive."""

    ticket: str
    moment: float
    alive: frozenset[str]
    """The tokens of these."""


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
    pool: str = ""
    """Whose licence it is made on."""
    untold: bool = False
    """Whether the end system broke off the answer that should have told the token: nobody could ever end it."""
    alive: bool = True
    proved_dead: float = inf
    """When a server was told, and must have heard, that it is dead."""
    has_expired: bool = False
    """Whether it has to be refreshed before it is good for anything but that and its end."""
    good_from: int = 0
    """The number of the oldest credential that is good."""
    asked_to_end: list[Asked] = field(default_factory=list)
    renewals: list[Renewal] = field(default_factory=list)
    """By the number of the credential that was the newest before."""
    refused: list[float] = field(default_factory=list)
    """When the end system has refused a refresh although nothing was wrong with it."""
    spent_again: list[tuple[float, int]] = field(default_factory=list)
    """When a refresh has come with a credential that was spent, and the number of that."""

    @property
    def newest(self) -> int:
        return len(self.renewals)

    @property
    def credential(self) -> str:
        """The newest one."""
        return f"{self.token}.{self.newest}"

    @property
    def refreshes(self) -> list[Renewal]:
        return [renewal for renewal in self.renewals if renewal.is_refresh]

    def is_fresh(self, moment: float) -> bool:
        """Tell whether it was refreshed just now, or is being."""
        return any(moment < refresh.told + FRESH for refresh in self.refreshes[-1:])

    def known(self, number: int) -> float:
        """Return from when on a server may know one of its credentials."""
        return self.renewals[number - 1].told if number else self.asked

    def carried(self, number: int, moment: float, *, to_end: bool = False) -> bool:
        """Note that a request has come with one of its credentials, and tell whether that one is good.

        A credential that is carried ends all that are older. `to_end` tells that the request is one of a logout.
        """
        if not self.good_from <= number <= self.newest:
            return False
        self.good_from = number
        for renewal in self.renewals[number - 1 : number]:
            renewal.carried = min(renewal.carried, moment)
            renewal.used = renewal.used if to_end else min(renewal.used, moment)
        return True

    def renew(self, moment: float) -> Renewal:
        """Make another credential; the older ones are good until it is used."""
        self.renewals.append(Renewal(moment, is_refresh=False))
        return self.renewals[-1]

    def refresh(self, moment: float) -> Renewal:
        """Spend the newest credential for another one."""
        self.renewals.append(Renewal(moment, is_refresh=True))
        self.good_from, self.has_expired = self.newest, False
        return self.renewals[-1]
