"""When an owed logout is tried again, and when it needs attention."""

from random import Random

from msgspec import Struct

from connector.model.debts import Debt, LogoutState
from connector.model.outcomes import LogoutOutcome, LogoutResult
from connector.model.retry_after import bounded

FIRST = 1.0
"""Seconds: upper bound of the wait before the first retry; it doubles with each."""
LONGEST = 300.0
"""Seconds: upper bound of any wait that we choose."""
SHORTEST_ASKED = 1.0
"""Seconds: the least that is waited if the end system asks for it with `Retry-After`."""


class Decision(Struct, frozen=True):
    """What a logout's outcome means for the row: its state, and for one that stays owed the seconds until the next try."""

    state: LogoutState
    wait: float = 0.0


class Backoff:
    """Full jitter: a wait is drawn evenly between nothing and a bound that doubles, so that retries spread by themselves."""

    def __init__(self, give_up_after: float, random: Random | None = None) -> None:
        self._give_up_after = give_up_after
        self._random = random or Random()  # noqa: S311 - spreads load, keeps no secret

    def judge(self, debt: Debt, outcome: LogoutOutcome) -> Decision:
        """Decide from the outcome of the last try.

        Time is counted by the waits that were scheduled, not by the calendar: a clock that jumps ahead gives nothing up.
        """
        if outcome.closes:
            return Decision(LogoutState.CLOSED)
        if outcome.result is not LogoutResult.PENDING or debt.waited >= self._give_up_after:
            return Decision(LogoutState.WAITING)
        return Decision(LogoutState.OWED, self._wait(debt.attempts, outcome.retry_after))

    def _wait(self, earlier: int, asked: float | None) -> float:
        """Draw a wait; `earlier` tries were made before the last one."""
        if (wait := bounded(asked)) is not None:
            return max(wait, SHORTEST_ASKED) + self._random.uniform(0, FIRST)
        return self._random.uniform(0, min(LONGEST, FIRST * 2.0 ** min(earlier, 20)))
