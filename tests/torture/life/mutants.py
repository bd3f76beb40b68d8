"""Shows that the torture finds each planted mistake, so that finding none means something.

`python -m tests.torture.life.mutants` prints what finds each.
"""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from tests.torture.life.launching import campaign
from tests.torture.life.planting import MUTANTS

KILLS, SEEDS = 12, (0, 239, 220, 1, 2, 3)
"""How long a mutant is hunted for. The second and the third seed have lives in which sessions become idle."""


@dataclass(frozen=True, slots=True)
class Killed:
    """The end of a mutant."""

    seed: int
    seen: str


async def hunted(name: str) -> Killed | None:
    """Return the first seed that shows the mutant for what it is, if there is one."""
    for seed in SEEDS:
        with TemporaryDirectory() as folder:
            found = await campaign(Path(folder), KILLS, seed, mutant=name, small_disk=False)
        for fault in found.verdict.faults:
            if fault.wrong in MUTANTS[name].shows:
                return Killed(seed, f"{fault.wrong}: {fault.what}")
    return None


def main() -> int:
    """Print the table; 1 if a mutant survives."""
    table = Table("mutant", "killed by", "seed", "what was seen")
    survivors = 0
    for name in MUTANTS:
        killed = asyncio.run(hunted(name))
        survivors += killed is None
        table.add_row(name, *("torture", str(killed.seed), killed.seen) if killed else ("nobody", "", ""))
    Console().print(table)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
