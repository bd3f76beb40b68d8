"""Mutants: mistakes against rules of the fleet, each of which the simulation has to find.

`python -m tests.simulation.fleet.mutants` shows for each the first seed that kills it, and what was seen.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from connector.ledger.postgres import history
from connector.ledger.postgres.history import History
from connector.ledger.postgres.standstill import StandstillWatch
from tests.fleet.planting import MUTANTS as OF_SESSIONS
from tests.simulation.fleet.runs import simulate
from tests.simulation.mutants import Killed, reported
from tests.simulation.quiet import quiet

SEEDS = 100


@dataclass(frozen=True, slots=True)
class Mistake:
    """What stands in the place of a function or a value."""

    owner: Any
    name: str
    mistaken: Callable[[Any], Any]
    """Makes it of the real one."""
    favoured: Mapping[str, Any]
    """Values of the climate in which it matters."""

    @contextmanager
    def made(self) -> Iterator[None]:
        """Make the mistake as long as the context is."""
        is_own, real = self.name in vars(self.owner), getattr(self.owner, self.name)
        setattr(self.owner, self.name, self.mistaken(real))
        try:
            yield
        finally:
            if is_own:
                setattr(self.owner, self.name, real)
            else:
                delattr(self.owner, self.name)


def gone_at_once(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda _, sequences: [*sequences]


def written_by_nobody(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *_, **__: 0


def never(_: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *_: False


RACES = {"races": 0.7}
LOSES = {"troubles": 3, "mischief": ("lose",)}
SPLITS = {"troubles": 3, "mischief": ("split",), "bad_database": 0.0}
FAVOURED: Mapping[str, Mapping[str, Any]] = {
    "memory decides, as in one process": {},
    "a login is alive under any stamp": {},
    "the stamp is taken after the question": RACES,
    "nobody looks for the ends of others": SPLITS,
    "a new login has the keys of the old one": SPLITS,
    "a cleanup ends what memory knows": {},
}
"""Of the mistakes that `tests.fleet` plants, those that the simulation finds, too."""


def _of_sessions(name: str) -> Mistake:
    planted = OF_SESSIONS[name]
    return Mistake(planted.owner, planted.name, planted.mistaken, FAVOURED[name])


MUTANTS = {
    **{name: _of_sessions(name) for name in FAVOURED},
    "an owner is gone as soon as another is there": Mistake(StandstillWatch, "gone", gone_at_once, {}),
    "nothing is written again that was lost": Mistake(history, "write_again", written_by_nobody, LOSES),
    "what was lost is not noticed": Mistake(History, "_is_rewound", never, LOSES),
}


def hunt(mistake: Mistake, seeds: int = SEEDS) -> Killed | None:
    """Return the first seed that shows the mutant for what it is, if there is one."""
    with quiet(), mistake.made():
        for seed in range(seeds):
            if violations := simulate(seed, mistake.favoured).violations:
                return Killed(seed, violations[0])
    return None


if __name__ == "__main__":
    sys.exit(reported(MUTANTS, hunt))
