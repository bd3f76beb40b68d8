"""A run of a fleet as it was seen from outside. What one server's life tells elsewhere, here the troubles do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import inf

from tests.torture.fleet.lateness import Lateness
from tests.torture.fleet.troubles import Troubles
from tests.torture.life.calls import Call, Kind, Life
from tests.torture.life.history import History
from tests.torture.life.licence import LATE_BY
from tests.torture.life.logins import Login, Renewal

OUTLASTS = 60.0
"""Seconds for which a replica may go on with a call whose client has no answer: it may have been paused meanwhile."""
SETTLES = 2.0
"""Seconds in which all replicas know that a login is dead, on a busy machine: each looks once a second."""
NO_STORE = "store_unavailable"
"""The code of an initialize that has replaced a login, and whose replica could not change the session's stamp."""


@dataclass(frozen=True)
class FleetHistory(History):
    """All that the clients and the end system saw, and what was done to the fleet meanwhile."""

    troubles: Troubles = field(default_factory=Troubles)
    lateness: Lateness = field(default_factory=Lateness)

    def is_the_machines(self, call: Call) -> bool:
        """Tell whether a call was late because a process that it needs waited for a processor for half of the time."""
        return self.lateness.between(call.began, call.left) >= (call.left - call.began) / 2

    def over(self, call: Call) -> float:
        is_over = call.status == 200 or (call.kind is Kind.CLEANUP and call.status is not None)
        return call.left if is_over else call.left + OUTLASTS

    def is_unaware(self, call: Call) -> bool:
        return call.kind is Kind.CLEANUP and call.status in {None, 503}

    def unaware_until(self, call: Call) -> float:
        return self.over(call)

    def was_settled(self, call: Call) -> bool:
        return not self.troubles.excuse(call.began, call.left)

    def is_under_way(self, login: Login) -> bool:
        return self.is_met_by_a_kill(self.initializes[login.ticket])

    def may_not_have_heard(self, call: Call) -> bool:
        replaced = (other for other in self.by_session[call.session] if other.kind is Kind.INITIALIZE and other.word == NO_STORE)
        return any(other.began <= call.began <= other.left + SETTLES for other in replaced)

    def withholds_seats(self, call: Call) -> bool:
        return self.troubles.excuse(call.began, call.left)

    def is_met_by_a_kill(self, call: Call) -> bool:
        return call.status != 200 and self.troubles.excuse(call.began, call.left + LATE_BY)

    def is_forgotten(self, renewal: Renewal) -> bool:
        return renewal.is_refresh and renewal.carried == inf and self.is_cut_off_in(renewal)

    def is_cut_off_in(self, renewal: Renewal) -> bool:
        return self.troubles.excuse(renewal.asked, self._recorded_by(renewal))

    def _recorded_by(self, renewal: Renewal) -> float:
        """Return until when a refresh goes on: its end is recorded before the call is answered that has waited for it.

        If a replica is killed meanwhile, the balancer or the client may send that call to another one.
        """
        login = self._refreshed[id(renewal)]
        calls = self.by_session[self.initializes[login.ticket].session]
        waiting = (call.left for call in calls if call.shown == login.ticket and call.began <= renewal.asked <= call.left)
        told = max(renewal.asked, min(renewal.told, renewal.asked + LATE_BY))
        return max([told, *(left for left in waiting if left < inf)])

    @cached_property
    def _refreshed(self) -> Mapping[int, Login]:
        return {id(renewal): login for login in self.logins for renewal in login.refreshes}

    def life_at(self, moment: float) -> Life:
        """Return a server that knows all that was done in quiet times, or one that knows nothing."""
        whole = self.lives[0]
        return Life("in trouble", moment, moment, tick=whole.tick) if self.troubles.excuse(moment, moment) else whole

    def is_known_to_be_dead(self, login: Login, moment: float) -> bool:
        return login.proved_dead + SETTLES < moment and not self.troubles.excuse(login.proved_dead, moment)
