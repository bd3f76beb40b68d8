"""A script: `python -m tests.torture.life.script FOLDER KILLS SEED [MUTANT]` runs a campaign and prints what it found as JSON.

A mutant meets but the situation in which it shows; without one, all situations are acted out.
"""

import asyncio
import logging
import sys
from pathlib import Path

import msgspec
import structlog

from tests.torture.life.campaign import fought
from tests.torture.life.planting import MUTANTS
from tests.torture.life.situations import SITUATIONS


def main(folder: Path, kills: int, seed: int, mutant: str | None = None) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    situations = SITUATIONS if mutant is None else (MUTANTS[mutant].situation,)
    found = asyncio.run(fought(folder, kills, seed, mutant, [*situations]))
    sys.stdout.write(msgspec.json.encode(found).decode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
