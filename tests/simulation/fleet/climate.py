"""What is particular about one run of a fleet: drawn by its seed, so that each looks for something else."""

from dataclasses import dataclass
from random import Random

Seconds = tuple[float, ...]
MISCHIEF = ("kill", "pause", "break", "stall", "fail over", "lose", "away", "forget", "split", "cut", "join")
"""What may happen to replicas, to the database and to the store."""


PAUSES: tuple[Seconds, ...] = ((0, 0.01), (0, 0.1, 1), (0.5, 2, 5))
RESTS: Seconds = (3, 5, 12)
"""After which a session is nearly idle for long enough to be reaped."""
LONG: Seconds = (15, 40)
OFTEN = 0.15
"""The share of runs in which more goes wrong, one thing soon after the other."""


@dataclass(frozen=True, slots=True)
class Climate:
    """Lists of seconds are drawn from, each time anew."""

    replicas: int
    sessions: int
    steps: int
    """How many things OpsHub does with each session."""
    watchers: int
    """How many callers use whatever seal there is or was."""
    near: bool
    """Whether each replica has a near cache."""
    bad_database: float
    bad_store: float
    bad_desk: float
    """Shares of messages that are lost or late."""
    travel: Seconds
    pause: Seconds
    """Between two calls."""
    lasts: Seconds
    """Between two things that OpsHub does with a session, beside calls."""
    mischief: tuple[str, ...]
    """What may go wrong on a larger scale."""
    troubles: int
    """How often it does."""
    joins: float
    """The share of fail-overs right after which one more replica starts, perhaps before the others have noticed."""
    balances: bool
    """Whether the load balancer leads to a replica that has little to do, as one does that counts connections."""
    races: float
    """The share of steps that are two at once, on two replicas."""
    seats: int | None
    replace: str
    clocks: Seconds
    """How far replicas' clocks are off."""
    forgets: bool
    """Whether OpsHub leaves sessions for the reaper to end."""
    own_stores: bool = False
    """Whether each replica has a store of its own; never drawn, because no such fleet may start."""

    @property
    def is_calm(self) -> bool:
        """Whether nothing goes wrong."""
        return not (self.bad_database or self.bad_store or self.bad_desk or self.troubles)

    @property
    def reaps_in_time(self) -> bool:
        """Whether sessions are left to the reaper, and nothing keeps a replica from telling which of them it uses."""
        return self.forgets and not (self.bad_database or self.bad_store or self.troubles)

    @property
    def has_splits(self) -> bool:
        """Whether the store may have two masters."""
        return bool(self.troubles) and "split" in self.mischief

    @property
    def can_lose(self) -> bool:
        """Whether the database may lose what it has acknowledged."""
        return bool(self.troubles) and "lose" in self.mischief


def drawn(dice: Random) -> Climate:
    """Draw the climate of a run."""
    is_calm, forgets, is_often = dice.random() < 0.2, dice.random() < 0.2, dice.random() < OFTEN
    pause = dice.choice((*PAUSES, RESTS) if forgets else PAUSES)
    bad = (0.0,) if is_calm else (0.0, 0.0, 0.02, 0.1)
    return Climate(
        replicas=dice.choice((2, 2, 3)),
        sessions=dice.choice((1, 2, 3)),
        steps=40 if is_often else dice.choice((3, 5, 8)),
        watchers=dice.choice((1, 2)),
        near=dice.random() < 0.4,
        bad_database=dice.choice(bad),
        bad_store=dice.choice(bad),
        bad_desk=dice.choice(bad),
        travel=dice.choice(((0,), (0, 0.001, 0.01), (0.01, 0.3))),
        pause=pause,
        lasts=LONG if pause is RESTS else pause,
        mischief=_joined(dice.sample(MISCHIEF, dice.choice((1, 2, 4)))),
        troubles=0 if is_calm else 12 if is_often else dice.choice((0, 1, 2, 3)),
        joins=dice.choice((0, 0, 0.7)),
        balances=dice.random() < 0.3,
        races=dice.choice((0, 0.3, 0.7)),
        seats=dice.choice((None, None, None, 2)),
        replace=dice.choice(("after", "after", "before")),
        clocks=dice.choice(((0,), (0, 3600, -3600))),
        forgets=forgets,
    )


def _joined(mischief: list[str]) -> tuple[str, ...]:
    """Leave out what would have nobody know what was lost: only replicas that live on can write it again."""
    return tuple(kind for kind in mischief if kind != "kill" or "lose" not in mischief)
