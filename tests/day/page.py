"""`docs/day.md`: what has happened on the day, and what was left of it."""

from collections import Counter
from collections.abc import Mapping

from tests.day.course import AWAY, CALM, DEADLINE, HOUR, KILLS, LOGIN_LIFETIME, UNKNOWN, Day
from tests.day.traffic import AGAIN, FIRST, FORGOTTEN, LAST, SYSTEMS
from tests.soak.soak import Course
from tests.torture.page import table

PICTURE = "pictures/day.svg"
REAPED, LEFT_ALONE, LICENSED = "with the reaper", "without it", "with the reaper and a licence"
INTRODUCTION = """\
# A day in a minute

Written by `make day`, which needs Linux and three minutes; `make verify` runs a short form of it.

**In short**: a day of ordinary traffic. One session in {forgotten} is never cleaned up, the end system is away twice, and the
server is killed three times. What nobody cleans up is reaped. At midnight no login is left alive, and the server holds what it
held before. If the end system has a licence, `end_system.seats` keeps to it: its line is touched, and no login is ever beyond
it.

![logins that are alive over the day]({picture})
"""
HOW = """\
How it is measured. The server runs in a process of its own, and is called over real HTTP. A minute of the day takes {minute:.0f}
milliseconds. For the server, only the wait between two ticks is shorter; all else is as ever.

* {sessions:,} sessions of {systems} systems begin between {first} and {last}. Each is called once or twice, with pauses of twenty
  minutes at most. Then it is cleaned up, or forgotten. OpsHub tries again after a 503, and logs in anew after a 401.
* `sessions.idle_timeout` is an hour. The end system itself ends a login after {lifetime:.0f} hours, as
  `end_system.login_lifetime` says.
* The end system is away {away}.
* The server is killed at {kills}, and started again at once.
* A login that is under way at a kill may have been made, and nobody has its credential. The ledger knows it as *unknown*, and
  gives it up once the end system has ended it by its own limit.
* On the third day the end system allows {licence} logins, and refuses the next one. `end_system.seats` says so. An
  initialize that finds no seat within {deadline:.0f} s is a 403, and OpsHub tries again after {again:.0f} minutes. An unknown
  login holds its seat.
* That day {turned_away} initializes found no seat in time. The end system refused {refused} logins.
* How the server is, it counts itself: at {calm}, when all calls are held back for a moment, and at midnight.
"""
SHOWN = ("objects", "of_requests", "tasks", "files")


def written(days: Mapping[str, tuple[Day, Course]], minute: float) -> str:
    """Return the page; the first of the days is the one with the reaper."""
    first, course = next(iter(days.values()))
    licensed, _ = days[LICENSED]
    how = HOW.format(
        minute=1000 * minute,
        sessions=first.sessions,
        systems=SYSTEMS,
        lifetime=LOGIN_LIFETIME / HOUR,
        away=" and ".join(f"from {_clock(begin)} to {_clock(end)}" for begin, end in AWAY),
        kills=", ".join(map(_clock, KILLS)),
        first=_clock(FIRST),
        last=_clock(LAST),
        calm=_clock(CALM),
        licence=licensed.licence,
        turned_away=licensed.turned_away,
        refused=licensed.refused,
        deadline=DEADLINE,
        again=AGAIN,
    )
    return "\n".join(
        [
            INTRODUCTION.format(forgotten=FORGOTTEN, picture=PICTURE),
            _table_of(days),
            how,
            "## How the server is\n",
            _vitals(course),
            "## What was asked, and what came of it\n",
            _answers(course),
        ]
    )


def _table_of(days: Mapping[str, tuple[Day, Course]]) -> str:
    heads = (
        "",
        "most alive at a time",
        "alive at midnight",
        "reaped",
        "unknown",
        "ended by the end system's own limit",
        "left in the ledger",
    )
    return table(heads, [_row(name, day) for name, (day, _) in days.items()])


def _row(name: str, day: Day) -> tuple[str, ...]:
    left = ", ".join(f"{number} {what}" for what, number in day.left.items() if number) or "nothing"
    reaped = ", ".join(f"{number} {reason}" for reason, number in sorted(day.reaped.items())) or "none"
    return (
        name,
        str(day.most),
        str(day.at_midnight),
        reaped,
        str(day.given_up or day.left[UNKNOWN]),
        str(day.expired),
        left,
    )


def _vitals(course: Course) -> str:
    first, *_, last = course.memory.values()
    pairs = [(getattr(course.before, each), getattr(course.after, each)) for each in SHOWN]
    heads = ("calls in between", "memory, MB", *(name.replace("_", " ") for name in SHOWN))
    return table(heads, [(f"{course.requests:,}", f"{first:.0f} to {last:.0f}", *(f"{a:,} to {b:,}" for a, b in pairs))])


def _answers(course: Course) -> str:
    kinds: dict[str, Counter[int]] = {}
    for (kind, status), number in course.told.items():
        kinds.setdefault(kind, Counter())[status] += number
    words = {
        kind: ", ".join(f"{number:,} times {status or 'no answer'}" for status, number in sorted(found.items()))
        for kind, found in kinds.items()
    }
    return table(("", "answers in between"), sorted(words.items()))


def _clock(minute: float) -> str:
    return f"{int(minute // 60)}:{int(minute % 60):02}"
