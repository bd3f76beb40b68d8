"""Histories that a test tells: every initialize, cleanup and use takes a second, one after the other unless it says otherwise."""

from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from tests.torture.life.calls import Call, Kind, Life, Seen
from tests.torture.life.faults import Wrong
from tests.torture.life.history import History
from tests.torture.life.licence import may_be_unknown
from tests.torture.life.logins import Asked, Beyond, Login, Renewal, Way
from tests.torture.life.oracle import judged

SESSION, SYSTEM = "s", "A"


@dataclass(slots=True)
class Told:
    """What has happened so far. A server lives from the beginning until `killed` or `ended` says otherwise."""

    calls: list[Call] = field(default_factory=list)
    logins: dict[str, Login] = field(default_factory=dict)
    lives: list[Life] = field(default_factory=lambda: [Life("told", 0.0)])
    alive: set[str] = field(default_factory=set)
    """Tickets whose logins are alive when nothing is owed."""
    lost: set[str] = field(default_factory=set)
    """Those of them that no cleanup ends."""
    crowded: list[tuple[float, float]] = field(default_factory=list)
    rows: set[str] | None = None
    """The sessions that the ledger has as open; those that have a login, unless a test says otherwise."""
    unknown: list[str] | None = None
    """The sessions of unknown logins; those of lost ones that may be so, unless a test says otherwise."""
    beyond: list[Beyond] = field(default_factory=list)
    closed: list[float] = field(default_factory=list)
    """When the end system went away."""
    _clock: "count[int]" = field(default_factory=lambda: count(1))
    _serials: "count[int]" = field(default_factory=lambda: count(1))
    _serial: int = 0

    def initialize(self, ticket: str, status: int | None = 200, word: str = "", session: str = SESSION) -> Call:
        """Log in; the end system answers in between."""
        call = self._call(Kind.INITIALIZE, session, ticket=ticket)
        self.logins[ticket] = Login(ticket, ticket, call.began + 0.1, told=call.began + 0.2)
        self.alive.add(ticket)
        return self._answered(call, status, word)

    def refresh(self, ticket: str) -> Renewal:
        """Spend the credential of a login for another one, which nobody has carried yet."""
        moment = float(next(self._clock))
        self.logins[ticket].way = Way.REFRESH
        refresh = self.logins[ticket].refresh(moment + 0.1)
        refresh.told = moment + 0.2
        return refresh

    def cleanup(
        self, shown: str | None, status: int | None = 200, word: str = "verified", *, whole: bool = False, session: str = SESSION
    ) -> Call:
        """Log out; what is alive of the session dies, if it is answered so."""
        call = self._call(Kind.CLEANUP, session, shown=shown, whole_system=whole)
        if shown in self.alive:
            self.logins[shown].asked_to_end.append(Asked(call.began + 0.1, 0))
        if status == 200:
            self.alive -= {call.ticket for call in self.calls if call.session == session}
        return self._answered(call, status, word)

    def use(
        self, shown: str, status: int = 200, own: Seen | None = None, shared: Seen | None = None, session: str = SESSION
    ) -> Call:
        """Use the session, which loads what it does not have."""
        call = self._call(Kind.USE, session, shown=shown)
        call.own, call.shared = own or self.loaded(shown), shared or self.loaded(shown)
        return self._answered(call, status)

    def loaded(self, ticket: str) -> Seen:
        """Return a value that is loaded now."""
        self._serial = next(self._serials)
        return Seen(ticket, self._serial)

    def dies(self, *, killed: bool = True) -> Life:
        """End the server, and start another one."""
        moment = float(next(self._clock))
        self.lives[-1].died, self.lives[-1].killed = moment, killed
        self.lives.append(Life("told", moment))
        return self.lives[-2]

    def found(self) -> set[Wrong]:
        """Return what the oracle finds wrong."""
        return {fault.wrong for fault in judged(self.history()).faults}

    def history(self) -> History:
        logins = [replace(login) for login in self.logins.values()]
        alive, lost = frozenset(self.alive | self.lost), frozenset(self.lost)
        really = {call.session for call in self.calls if call.ticket in alive - lost}
        rows = frozenset(really if self.rows is None else self.rows)
        untold = {login.ticket for login in logins if login.untold}
        more: Any = {"beyond": self.beyond, "closed": self.closed, "broken_off": untold}
        history = History(self.calls, self.lives, logins, alive, lost, self.crowded, rows, **more)
        in_doubt = {login.ticket for login in logins if history.is_in_doubt(login)}
        lost_calls = [call for call in self.calls if call.ticket in lost]
        nobody_knows = [call.session for call in lost_calls if call.ticket in in_doubt or may_be_unknown(history, call)]
        return replace(history, unknown=nobody_knows if self.unknown is None else self.unknown)

    def _call(self, kind: Kind, session: str, *, shown: str | None = None, ticket: str = "", whole_system: bool = False) -> Call:
        began = float(next(self._clock))
        return Call(kind, session, SYSTEM, began, self._serial, shown, ticket=ticket, whole_system=whole_system)

    def _answered(self, call: Call, status: int | None, word: str = "") -> Call:
        call.left, call.status, call.word = call.began + 0.9, status, word
        self.calls.append(call)
        return call
