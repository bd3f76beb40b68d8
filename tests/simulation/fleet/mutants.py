"""Mutants: a mistake for each rule of the fleet, each of which the simulation has to find.

`python -m tests.simulation.fleet.mutants` shows for each the first seed that kills it, and what was seen.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.fleet.planting import MUTANTS as OF_SESSIONS
from tests.simulation.fleet.runs import simulate
from tests.simulation.quiet import quiet

SEEDS = 500


@dataclass(frozen=True, slots=True)
class Mistake:
    """What stands in the place of a function or a value."""

    owner: Any
    name: str
    mistaken: Callable[[Any], Any]
    """Makes it of the real one."""

    @contextmanager
    def made(self) -> Iterator[None]:
        """Make the mistake as long as the context is."""
        real = getattr(self.owner, self.name)
        setattr(self.owner, self.name, self.mistaken(real))
        try:
            yield
        finally:
            setattr(self.owner, self.name, real)


@dataclass(frozen=True, slots=True)
class Killed:
    """Which seed has shown a mutant for what it is, and how."""

    seed: int
    seen: str


def looks_before_it_locks(real: str) -> str:
    begin, *limits, lock, advance, look, ticks, track = real.split("; ")
    return "; ".join([begin, *limits, look, lock, advance, ticks, track])


MUTANTS = {name: Mistake(each.owner, each.name, each.mistaken) for name, each in OF_SESSIONS.items()}


def hunt(mistake: Mistake, seeds: range = range(SEEDS)) -> Killed | None:
    """Return the first seed that shows the mutant for what it is, if there is one."""
    with quiet(), mistake.made():
        for seed in seeds:
            if violations := simulate(seed).violations:
                return Killed(seed, violations[0])
    return None


def main() -> int:
    """Print the table; 1 if a mutant survives."""
    table = Table("mutant", "killed by", "seed", "what was seen")
    survivors = 0
    for name in sys.argv[1:] or MUTANTS:
        killed = hunt(MUTANTS[name])
        survivors += killed is None
        table.add_row(name, *("simulation", str(killed.seed), killed.seen) if killed else ("nobody", "", ""))
    Console().print(table)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
