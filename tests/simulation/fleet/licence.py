"""Who may hold a seat while somebody is told that none is free."""

from collections.abc import Iterator

from connector.ledger.postgres.standstill import CLAIM
from tests.simulation.fleet.opshub import NO_SEAT, Asked
from tests.simulation.fleet.world import World

SETTLED = CLAIM
"""Seconds after the end of a login or of an initialize in which its seat may still be held: a record is on its way."""


class Licence:
    """Judges refusals by what the end system has, and by what OpsHub has asked for."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._initializes: list[Asked] = []
        self._refused: set[Asked] = set()
        self._judged: dict[Asked, int] = {}
        """Of the refused, those that are judged, and how often anything had gone wrong by then."""

    def asks(self, initialize: Asked) -> None:
        """Note that a session is about to be opened."""
        self._initializes.append(initialize)

    def answers(self, initialize: Asked, status: int) -> None:
        """Note what it was answered. No refusal is judged that may be because something that frees seats is late."""
        world = self._world
        if status == NO_SEAT:
            self._refused.add(initialize)
            if not (world.climate.bad_database or world.is_recovering(initialize.began)):
                self._judged[initialize] = world.faults

    def without_a_cause(self) -> Iterator[Asked]:
        """Yield who was refused while fewer logins could hold a seat than may. Each fault may hold one for ever."""
        seats = self._world.climate.seats or 0
        for refused, faults in self._judged.items():
            if faults + self._holders(refused) < seats:
                yield refused

    def _holders(self, refused: Asked) -> int:
        since, until = refused.began - SETTLED, refused.answered_at
        logins = self._world.desk.logins.values()
        alive = sum(each.made_at <= until and (each.is_alive or each.over_at >= since) for each in logins)
        others = [each for each in self._initializes if each not in self._refused and each.began <= until]
        return alive + sum(not each.is_over or each.answered_at >= since for each in others)
