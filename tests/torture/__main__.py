"""`make torture`: all of it at full length, printed as it comes, and written to `docs/torture.md`.

Ends with 1 if anything was lost, duplicated or back, or anybody was stormed.
"""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from tests.torture import page
from tests.torture.failpoints import ALL
from tests.torture.faults import failing_writes
from tests.torture.kills import ANSWERED, killed_after_the_answers, killed_at
from tests.torture.life.__main__ import KILLS as LIVES
from tests.torture.life.__main__ import SEED
from tests.torture.life.launching import side_by_side
from tests.torture.life.report import section, told
from tests.torture.measurements import group_commit, recovery
from tests.torture.picture import drawn
from tests.torture.random_kills import killed_at_random
from tests.torture.storm import away_for_an_hour, jumping_clock
from tests.torture.system_calls import killed_at_each_call
from tests.torture.tracing import lacking
from tests.torture.world import Verdict

DOCS = Path(__file__).parents[2] / "docs"
PICTURE = "pictures/storm.svg"
KILLS, SIDE_BY_SIDE = 2_000, 2
"""Random kills, and how many servers share them."""
OWED = 5_000
ROWS = (0, 100_000)
EVERY = (3, 41)
"""The one that no cleanup gets past, and one that about half of them do."""


def main() -> int:
    """Return the exit code."""
    if reason := lacking():
        sys.stderr.write(f"{reason}\n")
        return 1
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    return asyncio.run(tortured())


async def tortured() -> int:
    """Run everything, print and write the page, and return 0 if all is well."""
    parts, clean = [page.INTRODUCTION], True
    async for text, well in experiments():
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        parts.append(text)
        clean &= well
    (DOCS / "torture.md").write_text("\n".join(parts))
    return 0 if clean else 1


async def experiments() -> AsyncIterator[tuple[str, bool]]:
    """Yield a part of the page after the other, and whether all was well."""
    yield await steps()
    yield await system_calls()
    yield await random_kills()
    yield await life_of_sessions()
    yield await failing_disk()
    yield await storms()
    yield await starts(), True
    yield await commits(), True


async def steps() -> tuple[str, bool]:
    """SIGKILL before and after each step."""
    rows: list[tuple[str, int, Verdict]] = []
    for point in ALL:
        with TemporaryDirectory() as folder:
            rows.append((str(point), 1, await killed_at(point, Path(folder))))
    with TemporaryDirectory() as folder:
        rows.append((ANSWERED, 1, await killed_after_the_answers(Path(folder))))
    return f"## SIGKILL at each step of cleanups, six at once\n\n{page.verdicts('point', rows)}", _clean(rows)


async def system_calls() -> tuple[str, bool]:
    """SIGKILL at each system call."""
    with TemporaryDirectory() as folder:
        kills = await killed_at_each_call(Path(folder))
    rows = [(kill.call, 1, kill.verdict) for kill in kills]
    text = "## SIGKILL at each call of a cleanup that writes, flushes, cuts or sends, in each thread (`strace`)"
    return f"{text}\n\n{page.verdicts('call', rows)}", _clean(rows)


async def random_kills() -> tuple[str, bool]:
    """SIGKILL at random, two servers side by side."""
    with TemporaryDirectory() as folder:
        async with asyncio.TaskGroup() as campaigns:
            running = []
            for number in range(SIDE_BY_SIDE):
                place = Path(folder) / str(number)
                place.mkdir()
                running.append(campaigns.create_task(killed_at_random(place, KILLS // SIDE_BY_SIDE, seed=number)))
    rows = [(str(number), KILLS // SIDE_BY_SIDE, task.result()) for number, task in enumerate(running)]
    text = "## SIGKILL at random, under load, with an end system that fails at one of five requests"
    return f"{text}\n\n{page.verdicts('server', rows)}", _clean(rows)


async def life_of_sessions() -> tuple[str, bool]:
    """Sessions that begin, are used and end while servers are killed."""
    found = await side_by_side(LIVES, SEED)
    wrong = [each for each in found if not each.verdict.clean]
    sys.stderr.write("\n\n".join(told(each) for each in wrong))
    return section(found), not wrong


async def failing_disk() -> tuple[str, bool]:
    """I/O errors."""
    rows = []
    for error in ("EIO", "ENOSPC"):
        for every in EVERY:
            with TemporaryDirectory() as folder:
                rows.append((f"{error}, one of {every}", await failing_writes(Path(folder), error, every)))
    text = (
        "## A failing disk\n\nCalls that change a file fail while the end system is away, so that a 200 is worth what the ledger "
        "holds; then they\nwork again, and the same server has to answer 200 without a restart. Every commit makes more than "
        "three such calls.\n"
    )
    return f"{text}\n{page.faults(rows)}", all(failed.verdict.clean for _, failed in rows)


async def storms() -> tuple[str, bool]:
    """An end system that comes back, and a clock that jumps."""
    with TemporaryDirectory() as folder:
        storm = await away_for_an_hour(Path(folder), OWED)
    with TemporaryDirectory() as folder:
        jump = await jumping_clock(Path(folder), OWED)
    (DOCS / PICTURE).parent.mkdir(exist_ok=True)
    (DOCS / PICTURE).write_text(
        drawn(storm.rate, f"{OWED:,} owed logouts after the end system has come back: logouts per second")
    )
    rows = [("away for an hour", storm), ("a clock a year ahead, and back", jump)]
    well = all(row.done == OWED and not row.twice and row.most_at_once <= row.per_origin for _, row in rows)
    return f"## The storm\n\n{page.storms(rows)}\n![logouts per second]({PICTURE})\n", well


async def starts() -> str:
    """How soon a full ledger is ready."""
    found = []
    for rows in ROWS:
        with TemporaryDirectory() as folder:
            found.append(await recovery(Path(folder), rows))
    text = (
        "## Start-up\n\nSeconds from the start of the command, Python's own included. Every row is due, and owes its evictions."
    )
    return f"{text}\n\n{page.recoveries(found)}"


async def commits() -> str:
    """What group commit is worth."""
    with TemporaryDirectory() as folder:
        found = await group_commit(Path(folder))
    text = "## Group commit\n\nMedians of interleaved runs; client, end system and server share two cores: only the ratio holds."
    return f"{text}\n\n{page.group_commits(found)}"


def _clean(rows: list[tuple[str, int, Verdict]]) -> bool:
    return all(verdict.clean for *_, verdict in rows)


if __name__ == "__main__":
    sys.exit(main())
