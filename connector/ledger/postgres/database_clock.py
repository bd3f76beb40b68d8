"""What time it is for all replicas: the database tells, because their own clocks may be hours apart."""

import time
from collections.abc import Callable


class DatabaseClock:
    """A clock of this machine, put right by as much as the machine is off the database's.

    Each transaction shows the database's moment. It lies somewhere between the transaction's question and its answer, so this
    clock is moved no further than into that span. A machine that is right is left as it is.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._ahead = 0.0
        """Seconds by which the database is ahead of this machine."""

    def __call__(self) -> float:
        """Return the moment."""
        return self._clock() + self._ahead

    def saw(self, moment: float, *, asked: float, answered: float) -> None:
        """Note what the database has told, and between which moments of this machine it has done so."""
        self._ahead = min(max(self._ahead, moment - answered), moment - asked)
