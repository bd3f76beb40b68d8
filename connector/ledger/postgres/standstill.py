"""Who is there: an owner whose sequence stands still for as long as a claim lasts is gone."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

CLAIM = 15.0
"""Seconds that an owner may stand still."""
UPGRADE = 600.0
"""Seconds without a replica of an older version, after which none may start any more."""
COUNTED = 6.0
"""Seconds between two transactions of the watcher that count at most: it looks for work each second, or after five."""
SHORT = 1.0
"""Seconds that a transaction of the watcher takes at most if the database does not stand still."""


@dataclass(frozen=True, slots=True)
class Standstill:
    """How long an owner may stand still, by a clock that nobody sets."""

    claim: float = CLAIM
    counted: float = COUNTED
    upgrade: float = UPGRADE
    clock: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class StandstillWatch:
    """What one owner sees of the others.

    Only time counts in which the watcher could have seen a change: from the end of one of its own transactions to the beginning
    of the next, and what they took if that was short. If the database stands still, the watcher's own transaction does, too, and
    nobody is gone because of it. Of a busy watcher, its short transactions are most of its time.
    """

    standstill: Standstill
    _seen: dict[bytes, tuple[int, float]] = field(default_factory=dict)
    """By owner: its sequence, and for how long it has stood still."""
    _ended: float = math.inf
    """When the database answered to the end of the watcher's last transaction."""
    _began: float = 0.0
    _looked: float = math.inf
    """When the transaction saw the others."""
    _took: float = 0.0
    """Seconds from there to its end, as far as they count."""

    def began(self) -> None:
        """Note that a transaction of the watcher is about to begin."""
        self._began, self._looked = self.standstill.clock(), math.inf

    def gone(self, sequences: Mapping[bytes, int]) -> list[bytes]:
        """Return who is gone, by what the transaction sees of the others. It may be asked once in each transaction."""
        self._looked = self.standstill.clock()
        pause = min(max(self._began - self._ended, 0.0), self.standstill.counted)
        more = self._took + pause + _if_short(self._looked - self._began)
        before, self._seen = self._seen, {}
        for owner, sequence in sequences.items():
            number, still = before.get(owner, (None, 0.0))
            self._seen[owner] = (sequence, still + more if number == sequence else 0.0)
        return [owner for owner, (_, still) in self._seen.items() if still >= self.standstill.claim]

    def ended(self, *, is_answered: bool) -> None:
        """Note the end of the transaction. The time until the next one counts only if the database has answered."""
        self._ended = self.standstill.clock() if is_answered else math.inf
        self._took = _if_short(self._ended - self._looked)


def _if_short(seconds: float) -> float:
    return seconds if 0.0 <= seconds <= SHORT else 0.0
