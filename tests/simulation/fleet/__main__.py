"""`python -m tests.simulation.fleet --seed N` tells what happens in one run of a fleet; `--seeds N` only judges that many."""

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.fleet.runs import judged, simulate
from tests.simulation.quiet import quiet

TOGETHER = 20
"""Runs that a process makes before it tells of them."""
PORTION = 500
"""Runs of the same processes. New ones follow, because each run keeps its world; then it is told how far it is."""


def tell(seed: int) -> int:
    """Print the history of a run; 1 if the oracle found fault with it."""
    with quiet():
        oracle = simulate(seed)
    print(*oracle.history, sep="\n")  # noqa: T201 - for the person who asked for it
    return 1 if oracle.violations else 0


def judge(seeds: int) -> int:
    """Print the runs that the oracle found fault with, and what was seen in all of them; 1 if there is one."""
    started, counted, failed = time.monotonic(), Counter[str](), 0
    for first in range(0, seeds, PORTION):
        portion = range(first, min(first + PORTION, seeds))
        with ProcessPoolExecutor() as processes:
            for seed, violations, seen in processes.map(judged, portion, chunksize=TOGETHER):
                counted += seen
                for violation in violations[:1]:
                    failed += 1
                    print(f"seed {seed}: {violation}", flush=True)  # noqa: T201
        print(f"{portion.stop:,} of {seeds:,} seeds", file=sys.stderr, flush=True)  # noqa: T201
    seconds = time.monotonic() - started
    print(f"{seeds} seeds in {seconds:.0f} s: {failed} failed; {dict(sorted(counted.items()))}")  # noqa: T201
    return 1 if failed else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.fleet", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--seed", type=int)
    which.add_argument("--seeds", type=int, default=10_000)
    arguments = parser.parse_args()
    return judge(arguments.seeds) if arguments.seed is None else tell(arguments.seed)


if __name__ == "__main__":
    sys.exit(main())
