"""Which other replicas are alive, and do not share with this one what they have to."""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from msgspec import Struct

from connector.model.peers import Difference, Peer, difference

MOVES = 2
"""Rounds after which a replica counts as alive. What it told in the first one may have changed since."""
FORGOTTEN = 10.0
"""Seconds after which a replica whose rounds stand still counts no more."""


class Stranger(Struct, frozen=True):
    """A replica that is alive, and what it does not share."""

    peer: Peer
    differs: Difference


@dataclass(slots=True)
class _Sighting:
    stranger: Stranger
    first: int
    last: int
    at: float


@dataclass(slots=True)
class Sightings:
    """What this replica has seen of those that differ. What an earlier start has left stands still, and so is nobody."""

    clock: Callable[[], float] = time.monotonic
    _seen: dict[tuple[object, ...], _Sighting] = field(default_factory=dict)

    def note(self, mine: Peer, others: Iterable[Peer]) -> None:
        """Note what others have told lately, beside what this replica is."""
        now = self.clock()
        for other in others:
            differs = None if other.nonce == mine.nonce else difference(mine, other)
            if differs is not None:
                self._note(Stranger(other, differs), _compared(differs, mine, other), now)
        self._seen = {key: seen for key, seen in self._seen.items() if now - seen.at < FORGOTTEN}

    @property
    def any_doubt(self) -> bool:
        """Whether any that differs was seen, alive or not."""
        return bool(self._seen)

    @property
    def strangers(self) -> list[Stranger]:
        """Those that are alive."""
        return [seen.stranger for seen in self._seen.values() if seen.last - seen.first >= MOVES]

    def _note(self, stranger: Stranger, compared: tuple[object, ...], now: float) -> None:
        number = stranger.peer.round
        seen = self._seen.setdefault(compared, _Sighting(stranger, number, -1, -math.inf))
        if number > seen.last:
            seen.last, seen.at = number, now


def _compared(differs: Difference, mine: Peer, other: Peer) -> tuple[object, ...]:
    """Return what tells one difference from another. A store that loses all has another word soon, and each replica sees it."""
    stores = (mine.store, other.store) if differs is Difference.STORE else ()
    return other.nonce, differs, *stores
