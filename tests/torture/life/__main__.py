"""`make life`: a thousand kills, printed when they are over, and written to `docs/torture.md`.

Ends with 1 if anything was found wrong, and says then what is needed to find out why.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from tests.torture.life.launching import side_by_side
from tests.torture.life.report import section, told, with_section

PAGE = Path(__file__).parents[3] / "docs" / "torture.md"
KILLS, SEED = 1_000, 1


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.life", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    found = asyncio.run(side_by_side(arguments.kills, arguments.seed))
    part = section(found)
    sys.stdout.write(part)
    PAGE.write_text(with_section(PAGE.read_text(), part))
    wrong = [each for each in found if not each.verdict.clean]
    sys.stderr.write("\n\n".join(told(each) for each in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
