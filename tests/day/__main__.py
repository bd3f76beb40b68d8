"""`make day`: a day of ordinary traffic in a minute, with the reaper, without it, and with a licence; writes `docs/day.md`.

Ends with 1 if anything is left of a day with the reaper, or a login was beyond the licence.
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
LICENCE = 120
"""Logins: more than most hours need, and fewer than the first hour after the end system was away."""


def main() -> int:
    """Return the exit code."""
    days = {
        page.REAPED: _day(page.REAPED),
        page.LEFT_ALONE: _day(page.LEFT_ALONE, reaps=False),
        page.LICENSED: _day(page.LICENSED, licence=LICENCE),
    }
    draw({name: day for name, (day, _) in days.items()}, DOCS / page.PICTURE)
    (DOCS / "day.md").write_text(page.written(days, MINUTE))
    wrong = {name: found for name in (page.REAPED, page.LICENSED) if (found := _wrong(*days[name]))}
    sys.stdout.write(f"not as it should be: {wrong}\n" if wrong else "nothing is left at midnight\n")
    return 1 if wrong else 0


def _wrong(day: Day, course: Course) -> dict[str, object]:
    """Return what must not be after a day with the reaper."""
    left = {what: number for what, number in day.left.items() if number}
    return {**left, **course.left, **({"beyond the licence": day.refused} if day.refused else {})}


def _day(name: str, *, reaps: bool = True, licence: int | None = None) -> tuple[Day, Course]:
    sys.stdout.write(f"{name}: a minute\n")
    with TemporaryDirectory() as folder:
        return asyncio.run(lived(Path(folder), SESSIONS, MINUTE, reaps=reaps, licence=licence))


if __name__ == "__main__":
    sys.exit(main())
