"""`make day`: a day of ordinary traffic in a minute, with the reaper and without; writes `docs/day.md`.

Ends with 1 if anything is left of the day with the reaper.
"""

import asyncio
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.day import page
from tests.day.course import Day, lived
from tests.day.picture import draw
from tests.soak.soak import Course

DOCS = Path(__file__).parents[2] / "docs"
SESSIONS = 2_000
MINUTE = 60 / (24 * 60)
"""Seconds: the day takes a minute."""


def main() -> int:
    """Return the exit code."""
    days = {name: asyncio.run(_day(name, reaps=reaps)) for name, reaps in ((page.REAPED, True), (page.LEFT_ALONE, False))}
    draw({name: day for name, (day, _) in days.items()}, DOCS / page.PICTURE)
    (DOCS / "day.md").write_text(page.written(days, MINUTE))
    day, course = days[page.REAPED]
    left = {**{what: number for what, number in day.left.items() if number}, **course.left}
    sys.stdout.write(f"left at midnight: {left}\n" if left else "nothing is left at midnight\n")
    return 1 if left else 0


async def _day(name: str, *, reaps: bool) -> tuple[Day, Course]:
    sys.stdout.write(f"{name}: a minute\n")
    with TemporaryDirectory() as folder:
        return await lived(Path(folder), SESSIONS, MINUTE, reaps=reaps)


if __name__ == "__main__":
    sys.exit(main())
