"""`make fleet`: fleets whose parts fail one after the other, for an hour; writes `docs/fleet.md`.

Ends with 1 if anything was found wrong, and says then what is needed to find out why.
"""

import argparse
import asyncio
import logging
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from tests.torture.fleet.ground import PLAIN, WATCHED, Deployment
from tests.torture.fleet.page import written
from tests.torture.fleet.patroni import patroni
from tests.torture.fleet.run import Run, ran, said
from tests.torture.fleet.stores import redis_with_sentinels

DEPLOYMENTS = {
    "plain": PLAIN,
    "watched": WATCHED,
    "synchronous": Deployment("Patroni, synchronous", partial(patroni, is_synchronous=True), redis_with_sentinels),
    "asynchronous": Deployment("Patroni, asynchronous", partial(patroni, is_synchronous=False), redis_with_sentinels),
}
PAGE = Path(__file__).parents[3] / "docs" / "fleet.md"


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.fleet", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--on", choices=DEPLOYMENTS, help="only this, and no page")
    parser.add_argument("--only", default="", help="a part of the names of what is to happen; no page is written then")
    parser.add_argument("--folder", type=Path, help="where the replicas' logs stay; a temporary one by default")
    arguments = parser.parse_args()
    if arguments.folder is not None and arguments.folder.is_dir() and any(arguments.folder.iterdir()):
        parser.error(f"--folder: {arguments.folder} is not empty, and what an earlier run has left there would be in the way")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    chosen = [DEPLOYMENTS[arguments.on]] if arguments.on else [*DEPLOYMENTS.values()]
    runs = [_ran(deployment, arguments, arguments.minutes / len(chosen)) for deployment in chosen]
    if not (arguments.on or arguments.only):
        PAGE.write_text(written(runs))
    return 0 if all(run.verdict.clean for run in runs) else 1


def _ran(deployment: Deployment, arguments: argparse.Namespace, minutes: float) -> Run:
    _say(f"on {deployment.name}")
    with TemporaryDirectory() if arguments.folder is None else nullcontext(arguments.folder / deployment.name) as folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        found = asyncio.run(ran(Path(folder), deployment, arguments.seed, minutes=minutes, only=arguments.only, told=_say))
    part = written([found])
    _say(part[part.index("## ") :])  # now, because a later one may break off
    if not found.verdict.clean:
        sys.stderr.write(said(found))
    return found


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
