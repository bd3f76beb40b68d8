"""`make soak`: the soak at full length, of this checkout and, if it is named, of another; writes `docs/soak.md`.

Ends with 1 if this checkout's server is not where it was before.
"""

import argparse
import asyncio
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.soak import page
from tests.soak.picture import draw
from tests.soak.soak import Course, soaked

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SESSIONS = 4_500
"""More than any part of the server remembers."""
ROUNDS = 76
"""About 36,000 requests: those of an hour, ten a second."""


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("--against", type=Path, help="the folder of another checkout, with a .venv of its own")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    checkouts = {"today": ROOT} | ({_name_of(options.against): options.against.resolve()} if options.against else {})
    courses = {name: asyncio.run(_course(name, checkout, options.rounds)) for name, checkout in checkouts.items()}
    draw(courses, DOCS / page.PICTURE)
    (DOCS / "soak.md").write_text(page.written(courses))
    left = courses["today"].left
    sys.stdout.write(f"not where it was before: {left}\n" if left else "all is where it was before\n")
    return 1 if left else 0


async def _course(name: str, checkout: Path, rounds: int) -> Course:
    def told(text: str) -> None:
        sys.stdout.write(f"{name}: {text}\n")
        sys.stdout.flush()

    with TemporaryDirectory() as folder:
        return await soaked(checkout, Path(folder), rounds, sessions=SESSIONS, told=told)


def _name_of(checkout: Path) -> str:
    found = subprocess.run(["git", "-C", checkout, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return f"commit {found.stdout.strip()}" if found.returncode == 0 else checkout.name


if __name__ == "__main__":
    sys.exit(main())
