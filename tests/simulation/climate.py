"""What is particular about one run: drawn by its seed, so that each looks for something else."""

from dataclasses import dataclass
from random import Random

from drivers import Scope, SessionScope, SystemScope

SESSIONS = [SessionScope("s1", "A"), SessionScope("s2", "A"), SessionScope("s3")]
SCOPES: list[Scope] = [*SESSIONS, SystemScope("A")]
TOPOLOGIES = ("authority alone", "memory", "far near", "shared near", "two near")
CALLS = {"get": 4, "get_or_load": 5, "set": 3, "many": 1, "delete": 1}
"""What handlers do, and how often."""

Seconds = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Climate:
    """Lists of seconds are drawn from, each time anew."""

    topology: str
    bad_days: float
    """The share of requests, and of answers, that are late; half as many are lost."""
    travel: Seconds
    load: Seconds
    pause: Seconds
    """Between two calls of a handler, and between two requests."""
    between_cleanups: Seconds
    duplicates: int
    scopes: list[Scope]
    keys: list[str]
    calls: dict[str, int]

    @property
    def cleaned(self) -> list[SessionScope]:
        """The sessions whose cleanup somebody would notice."""
        return [session for session in SESSIONS if {session, SystemScope(session.system_id or "")} & {*self.scopes}]


def drawn(dice: Random) -> Climate:
    """Draw the climate of a run."""
    calls = dice.sample([*CALLS], dice.choice((2, 3, 5)))
    return Climate(
        topology=dice.choice(TOPOLOGIES),
        bad_days=dice.choice((0, 0.03, 0.3)),
        travel=dice.choice(((0,), (0, 0.001, 0.01), (0.01, 0.4))),
        load=dice.choice(((0, 0.01), (0, 0.3, 1), (1, 5))),
        pause=dice.choice(((0, 0.01), (0, 0.1, 1), (0.1, 1, 5), (1, 5, 70))),
        between_cleanups=dice.choice(((0, 0.1), (0.1, 1, 3), (1, 10))),
        duplicates=dice.choice((1, 3)),
        scopes=dice.sample(SCOPES, dice.choice((1, 2, 4))),
        keys=["k", "l"][: dice.choice((1, 2))],
        calls={call: CALLS[call] for call in calls},
    )
