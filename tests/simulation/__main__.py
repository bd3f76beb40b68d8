"""`python -m tests.simulation --seed N` tells what happens in one run; `--seeds N` only judges that many."""

import argparse
import sys
import time
from collections import Counter

from tests.simulation.quiet import quiet
from tests.simulation.world import simulate


def tell(seed: int) -> int:
    """Print the history of a run; 1 if the oracle found fault with it."""
    oracle = simulate(seed)
    print(*oracle.history, sep="\n")  # noqa: T201 - for the person who asked for it
    return 1 if oracle.violations else 0


def judge(seeds: int) -> int:
    """Print the runs that the oracle found fault with, and what was seen in all of them; 1 if there is one."""
    started, counted, failed = time.monotonic(), Counter[str](), 0
    for seed in range(seeds):
        oracle = simulate(seed)
        counted += oracle.counted
        for violation in oracle.violations[:1]:
            failed += 1
            print(f"seed {seed}: {violation}")  # noqa: T201
    seconds = time.monotonic() - started
    print(f"{seeds} seeds in {seconds:.1f} s: {failed} failed; {counted['loads']} loads, {counted['hits']} hits")  # noqa: T201
    return 1 if failed else 0


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--seed", type=int)
    which.add_argument("--seeds", type=int, default=1_000)
    arguments = parser.parse_args()
    with quiet():
        return judge(arguments.seeds) if arguments.seed is None else tell(arguments.seed)


if __name__ == "__main__":
    sys.exit(main())
