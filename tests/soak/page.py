"""`docs/soak.md`: what was sent, and how the servers were before and after it."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tests.soak.soak import Course
from tests.soak.traffic import MIX, name_of
from tests.torture.page import table

PICTURE = "pictures/soak.svg"
INTRODUCTION = """\
# The soak

Written by `make soak`, which needs Linux and some minutes; `make test` runs a short form of it. `make soak AGAINST=FOLDER` puts
another checkout of this project beside it.

**In short**: as many requests as in an hour with ten of them a second, in minutes: good ones, refused, malformed, forged,
half-sent and slow ones, from callers who may and who may not call. When they are over, the server holds what it held before.
"""
HOW = """\
How it is measured. Sessions come and go until what remembers a few thousand of them is full. Then the server is asked for its
vitals, which it counts itself once all garbage is gone; and again at the end, when nothing is owed and nothing is under way.

* *Of requests* are requests, connections, errors, places where an error was raised, and futures: each request brings some along,
  and has to take them with it.
* *Blocks* are pieces of memory in the hands of Python, for texts and numbers too.
* *Memory* is what the operating system counts. What it still gains is the page cache of SQLite, two megabytes for each connection
  at most, because the ledger remembers closed logins for a day.
"""
SHOWN = ("objects", "of_requests", "blocks", "tasks", "files")


def written(courses: Mapping[str, Course]) -> str:
    """Return the page; the first of the courses is this checkout's."""
    return "\n".join(
        [
            INTRODUCTION,
            f"![memory over the soak]({PICTURE})\n",
            _vitals(courses),
            HOW,
            "## What was sent, and what came of it\n",
            _answers(next(iter(courses.values()))),
        ]
    )


def _vitals(courses: Mapping[str, Course]) -> str:
    heads = ("", "requests", "memory, MB", *(name.replace("_", " ") for name in SHOWN), "open logins")
    return table(heads, [_row(name, course) for name, course in courses.items()])


def _row(name: str, course: Course) -> Sequence[str]:
    first, *_, last = course.memory.values()
    before, after = course.before, course.after
    pairs = [(getattr(before, each), getattr(after, each)) for each in SHOWN]
    return (name, f"{course.requests:,}", f"{first:.0f} to {last:.0f}", *(f"{a:,} to {b:,}" for a, b in pairs), str(course.alive))


def _answers(course: Course) -> str:
    kinds: dict[str, Counter[int]] = {name_of(kind): Counter() for kind in MIX}
    for (name, status), number in course.told.items():
        kinds[name][status] += number
    return table(("", "answers"), [(name, _statuses(found)) for name, found in kinds.items()])


def _statuses(found: Counter[int]) -> str:
    words = [f"{number:,} times {status or 'no answer'}" for status, number in sorted(found.items())]
    return ", ".join(words) if words else "kept open"
