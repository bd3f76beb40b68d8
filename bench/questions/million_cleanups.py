"""What a million cleanups leave behind in the server that did them."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.http import own
from bench.http.load import load
from bench.http.servers import Server, served
from bench.http.vitals import KNOWN, open_files
from bench.process import resident_bytes
from bench.question import Answer, Panel, Question, Run, at_most
from bench.questions.cleanups_per_second import CONNECTIONS

LOOKS = 10
"""How often the server is looked at, after as many cleanups each time, when none is under way. The first look is the measure."""
AT_REST, PAUSE = 10, 0.05
"""Tasks and connections take some time to end. The least of so many looks in a row counts; seconds between them."""
MEMORY, LEDGER, CACHE, LOGS, FILES, TASKS = "memory", "ledger", "cache", "write-ahead logs", "open files", "tasks"
MEGABYTES = (MEMORY, LEDGER, CACHE, LOGS)
TENTH, PAGES, TWO_LOGS = 1.1, 0.1, 13.0
"""How many times the memory of the first look is fine: a table of a million ids would double it. Megabytes by which a database
may grow, for rows come and go; and in both logs, for SQLite begins each anew after 1,000 pages, which have 4 and 8 KiB."""
Vitals = Mapping[str, float]


async def measure(run: Run) -> Sequence[Answer]:
    """Clean up, and look at the server as it goes; each tenth session has something cached."""
    cleanups = run.pick(1_000_000, 3_000)
    advance = run.begin(f"{cleanups:,} cleanups", LOOKS)
    seen: dict[str, Vitals] = {}
    with served(own.used, run.folder_of_its_own()) as server:
        for look in range(1, LOOKS + 1):
            await load(server.port, CONNECTIONS, cleanups=cleanups // LOOKS)
            seen[f"{look * cleanups // LOOKS:,}"] = await _vitals(server)
            advance(1)
    return [_answer(name, {place: vitals[name] for place, vitals in seen.items()}) for name in next(iter(seen.values()))]


def _answer(name: str, seen: Mapping[str, float]) -> Answer:
    *earlier, last = seen
    first = seen[earlier[0]]
    most = {MEMORY: TENTH * first, LEDGER: first + PAGES, CACHE: first + PAGES, LOGS: TWO_LOGS}.get(name, first)
    return Answer(name, seen[last], _unit(name), at_most(most), {place: seen[place] for place in earlier})


def _unit(name: str) -> str:
    return "MB" if name in MEGABYTES else "in all"


async def _vitals(server: Server) -> Vitals:
    looks = []
    for _ in range(AT_REST):
        await asyncio.sleep(PAUSE)
        looks.append(await _look(server))
    return {name: min(look[name] for look in looks) for name in looks[0]}


async def _look(server: Server) -> Vitals:
    tasks = await server.call("GET", own.TASKS)
    files = {LEDGER: ("ledger.sqlite3",), CACHE: ("cache.sqlite3",), LOGS: ("ledger.sqlite3-wal", "cache.sqlite3-wal")}
    sizes = {name: sum(_megabytes(server.folder / "var" / each) for each in which) for name, which in files.items()}
    told = {MEMORY: resident_bytes(server.pid) / 1e6, FILES: open_files(server.pid)} if KNOWN else {}
    return {**told, **sizes, TASKS: tasks}


def _megabytes(file: Path) -> float:
    return file.stat().st_size / 1e6 if file.exists() else 0.0


def panels(answers: Sequence[Answer]) -> list[Panel]:
    """Draw the figures over the number of cleanups."""
    units = dict.fromkeys(answer.unit for answer in answers)
    return [_panel(unit, [answer for answer in answers if answer.unit == unit]) for unit in units]


def _panel(unit: str, answers: Sequence[Answer]) -> Panel:
    series = {answer.part: {**answer.peers, "all": answer.figure} for answer in answers}
    return Panel(f"{', '.join(series)} after so many cleanups", unit, series, logarithmic=False)


QUESTION = Question("million-cleanups", "A million cleanups through one server", measure, panels)
