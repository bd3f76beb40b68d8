"""Shows that the torture finds each planted mistake, so that finding none means something.

Each has a situation in which it shows. A server with the mistake meets it once: nothing is left to luck.

`python -m tests.torture.life.mutants` prints what finds each.
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from tests.torture.life.launching import campaign
from tests.torture.life.planting import MUTANTS


async def hunted(name: str) -> str | None:
    """Act out the situation in which a mutant shows, and return what shows it for what it is, if anything does."""
    with TemporaryDirectory() as folder:
        found = await campaign(Path(folder), 0, 0, mutant=name, small_disk=False)
    seen = (f"{fault.wrong}: {fault.what}" for fault in found.verdict.faults if fault.wrong in MUTANTS[name].shows)
    return next(seen, None)


def main() -> int:
    """Print the table; 1 if a mutant survives."""
    table = Table("mutant", "killed by", "when", "what was seen")
    survivors = 0
    for name in MUTANTS:
        killed = asyncio.run(hunted(name))
        survivors += killed is None
        table.add_row(name, "torture" if killed else "nobody", MUTANTS[name].situation, killed or "")
    Console().print(table)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
