"""`make fleet`: a fleet whose parts fail one after the other for an hour; writes `docs/fleet.md`.

Ends with 1 if anything was found wrong, and says then what is needed to find out why.
"""

import argparse
import asyncio
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from tests.torture.fleet.happenings import HAPPENINGS
from tests.torture.fleet.page import written
from tests.torture.fleet.run import ran, said

PAGE = Path(__file__).parents[3] / "docs" / "fleet.md"


def main() -> int:
    """Return the exit code."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    parser = argparse.ArgumentParser(prog="python -m tests.torture.fleet", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="a part of the name of what is to happen")
    arguments = parser.parse_args()
    chosen = [happening for happening in HAPPENINGS if arguments.only in happening.what]
    with TemporaryDirectory() as folder:
        found = asyncio.run(ran(Path(folder), arguments.seed, chosen, minutes=arguments.minutes, told=_say))
    page = written({"one PostgreSQL and one Redis": found})
    _say(page[page.index("## ") :])
    if not arguments.only:
        PAGE.write_text(page)
    if not found.verdict.clean:
        sys.stderr.write(said(found))
    return 0 if found.verdict.clean else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
