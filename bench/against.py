"""Compare this checkout with another: `python -m bench.against FOLDER`, the root of the other with a `.venv` in it.

Both are up at once and take turns, so that a machine whose speed changes changes it for both. A ratio is that of the medians;
beside it stand the smallest and the largest ratio of two neighbouring turns, which show how much of it is noise.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.http import authored, lives, own
from bench.http.cores import ASKING
from bench.http.load import new_sessions
from bench.http.servers import ROOT, Server, served
from bench.http.vitals import KNOWN, cpu_seconds, resident_bytes
from bench.http.whole_lives import led
from bench.measure import run_on_the_servers_loop
from bench.process import keep_compiled
from bench.questions.cleanups_per_second import CONNECTIONS, Contender, Kind

KINDS: Mapping[str, Kind] = {
    "something cached": Kind(own.observed, 12_000, holding=True),
    "nothing cached": Kind(own.observed, 20_000),
}
STARTS, ROUNDS = 9, 9
LIVES = 2_000
"""Sessions that are opened, used and cleaned up in each turn, each part of all of them at a time."""
WHOLE_LIVES = 1_500
"""Sessions of which each lives on its own, from login to logout."""
PARTS = ("an initialize", "a call of a session", "a cleanup of an open session")


@dataclass(slots=True)
class Pairs:
    """What both have shown, turn by turn."""

    here: list[float] = field(default_factory=list)
    there: list[float] = field(default_factory=list)

    def row(self, name: str, unit: str) -> tuple[str, ...]:
        """Return the medians and their ratio, fit for a table."""
        ratios = [here / there for here, there in zip(self.here, self.there, strict=True)]
        here, there = median(self.here), median(self.there)
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        return f"{name} ({unit})", f"{here:,.4g}", f"{there:,.4g}", f"{here / there:.2f}", spread


async def measure(other: Path, *, rounds: int, starts: int, share: float) -> list[tuple[str, ...]]:
    """Return a row for each figure: name, here, there, ratio, and the range of the ratio."""
    cleanups, parts = await _cleanups(other, rounds, share), await _lives(other, rounds, share)
    return _starts(other, starts) + cleanups + parts + await _whole_lives(other, rounds, share)


def _starts(other: Path, starts: int) -> list[tuple[str, ...]]:
    """Start both in turn; the first time does not count, because files have to be read from the disk."""
    seconds, memory = Pairs(), Pairs()
    for _ in track(range(1 + starts), "starting"):
        for checkout, times, sizes in ((ROOT, seconds.here, memory.here), (other, seconds.there, memory.there)):
            with TemporaryDirectory() as folder:
                begun = time.perf_counter()
                with served(own.command, Path(folder), checkout=checkout) as server:
                    times.append(time.perf_counter() - begun)
                    sizes.append(resident_bytes(server.pid) / 1_000_000)
    counted = [Pairs(each.here[1:], each.there[1:]) for each in (seconds, memory)]
    return [counted[0].row("start until it serves", "s"), counted[1].row("memory of an idle server", "MB")]


async def _cleanups(other: Path, rounds: int, share: float) -> list[tuple[str, ...]]:
    rows = []
    for name, kind in KINDS.items():
        here, there = await _turns(other, kind, rounds, share)
        rates, cpu = Pairs(_rates(here), _rates(there)), Pairs(_microseconds(here), _microseconds(there))
        p99 = Pairs([load.p99 * 1000 for load in here.loads[1:]], [load.p99 * 1000 for load in there.loads[1:]])
        rows += [
            rates.row(f"cleanups, {name}", "per second"),
            cpu.row(f"processor time of a cleanup, {name}", "microseconds"),
            p99.row(f"99 of 100 are answered within, {name}", "ms"),
        ]
    return rows


async def _turns(other: Path, kind: Kind, rounds: int, share: float) -> tuple[Contender, Contender]:
    """Have both up at once and ask each in turn; their first turns do not count."""
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(TemporaryDirectory())) for _ in range(2)]
        here = Contender(stack.enter_context(served(kind.serve, folders[0])), kind)
        there = Contender(stack.enter_context(served(kind.serve, folders[1], checkout=other)), kind)
        for turn in track(range(1 + rounds), "cleaning up"):
            for contender in (here, there) if turn % 2 else (there, here):
                await contender.turn(turn, share)
    return here, there


async def _lives(other: Path, rounds: int, share: float) -> list[tuple[str, ...]]:
    """Compare what the parts of a session's life cost, with logins at an end system. Only Linux tells."""
    if not KNOWN:
        return []
    found = {part: Pairs() for part in PARTS}
    with _pair(other) as (here, there):
        for turn in track(range(1 + rounds), "opening sessions"):
            for server in (here, there) if turn % 2 else (there, here):
                for part, spent in zip(PARTS, await _life(server, turn, round(LIVES * share)), strict=True):
                    (found[part].here if server is here else found[part].there).append(spent)
    return [
        Pairs(pairs.here[1:], pairs.there[1:]).row(f"processor time of {part}", "microseconds") for part, pairs in found.items()
    ]


async def _life(server: Server, seed: int, sessions: int) -> list[float]:
    """Return the microseconds of each of the `PARTS`."""
    cpu = [cpu_seconds(server.pid)]
    seals = await lives.initialized(server.port, islice(new_sessions(seed), sessions))
    cpu.append(cpu_seconds(server.pid))
    await lives.used(server.port, seals)
    cpu.append(cpu_seconds(server.pid))
    await lives.cleaned_up(server.port, seals)
    cpu.append(cpu_seconds(server.pid))
    return [1_000_000 * (after - before) / sessions for before, after in pairwise(cpu)]


async def _whole_lives(other: Path, rounds: int, share: float) -> list[tuple[str, ...]]:
    """Compare whole lives, many at once, as the question "whole-life" leads them. Only Linux tells the processor time."""
    rates, cpu = Pairs(), Pairs()
    with _pair(other) as (here, there):
        for turn in track(range(1 + rounds), "leading lives"):
            for server in (here, there) if turn % 2 else (there, here):
                many, before = round(WHOLE_LIVES * share), cpu_seconds(server.pid) if KNOWN else 0.0
                load = await led(server.port, CONNECTIONS, many)
                spent = (cpu_seconds(server.pid) if KNOWN else 0.0) - before
                (rates.here if server is here else rates.there).append(many / load.seconds)
                (cpu.here if server is here else cpu.there).append(1_000_000 * spent / many)
    counted = [Pairs(each.here[1:], each.there[1:]) for each in (rates, cpu)]
    rows = [counted[0].row("whole lives", "per second")]
    return [*rows, counted[1].row("processor time of a whole life", "microseconds")] if KNOWN else rows


@contextmanager
def _pair(other: Path) -> Iterator[tuple[Server, Server]]:
    """Serve both, with logins at one end system."""
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(TemporaryDirectory())) for _ in range(3)]
        config = lives.config(stack.enter_context(served(lives.end_system, folders[0], cores=[ASKING])).port)
        here = stack.enter_context(served(authored.serve, folders[1], config=config, copied=True))
        yield here, stack.enter_context(served(authored.serve, folders[2], config=config, checkout=other, copied=True))


def _rates(contender: Contender) -> list[float]:
    return [load.cleanups / load.seconds for load in contender.loads[1:]]


def _microseconds(contender: Contender) -> list[float]:
    return [seconds * 1_000_000 for seconds in contender.cpu[1:]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser("python -m bench.against", description=__doc__)
    parser.add_argument("folder", type=Path, help="the root of another checkout, in which `make .venv/.dev` was run")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    options = parser.parse_args(arguments)
    other = options.folder.resolve()
    if not (other / ".venv/bin/python").exists():
        parser.error(f"{other}: there is no .venv/bin/python; run `make .venv/.dev` there first")
    rounds, starts, share = (1, 1, 0.05) if options.quick else (ROUNDS, STARTS, 1.0)
    rows = run_on_the_servers_loop(measure(other, rounds=rounds, starts=starts, share=share))
    shown = Table("", "here", "there", "ratio", "neighbouring turns")
    for row in rows:
        shown.add_row(*row)
    Console().print(shown)
    return 0


if __name__ == "__main__":
    keep_compiled()
    sys.exit(main())
