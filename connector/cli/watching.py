"""A list of sessions that is shown anew again and again, until its reader has seen enough."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from connector.admin.shown import SilentLedger
from connector.admin.shown_sessions import SessionFilter
from connector.cli.seen import Seen, seen
from connector.cli.session_table import table

if TYPE_CHECKING:
    from rich.console import RenderableType

EVERY = 2.0
"""Seconds between two looks."""
AROUND = 5
"""Lines of the screen that are no sessions: what stands above them, a notice, the headings, and what stands below."""


def watch_as_json(config: Path | None, chosen: SessionFilter) -> None:
    """Print the list as JSON on one line, and again, until the reader interrupts it. What is told besides is told once."""
    told: set[str] = set()

    def tell(notice: str) -> None:
        if notice not in told:
            told.add(notice)
            sys.stderr.write(f"{notice}\n")

    for _ in _looks():
        rows = seen(config, lambda source: source.sessions(chosen), tell)
        sys.stdout.write(json.dumps(msgspec.to_builtins(rows)) + "\n")
        sys.stdout.flush()


def watch_at_terminal(config: Path | None, chosen: SessionFilter) -> None:
    """Show the beginning of the list on the whole screen, in place, until the reader interrupts it."""
    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as screen:
        for _ in _looks():
            screen.update(_look(config, chosen, console.height - AROUND), refresh=True)


def _looks() -> Iterator[None]:
    while True:
        yield
        time.sleep(EVERY)


def _look(config: Path | None, chosen: SessionFilter, room: int) -> "RenderableType":
    notices: list[str] = []
    totals, rows = seen(config, lambda source: (_totals(source), source.sessions(chosen, room + 1)), notices.append)
    above = [f"{time.strftime('%H:%M:%S')}  {totals}", *notices]
    below = ["and more: `connector sessions list` has them all"] if len(rows) > room else []
    return Group(
        *(Text(line, no_wrap=True, overflow="ellipsis") for line in above),
        table(rows[:room]) if rows else Text("no session is like that"),
        *map(Text, below),
    )


def _totals(source: Seen) -> str:
    ledger = source.status().ledger
    if isinstance(ledger, SilentLedger):
        return ledger.unavailable
    return f"open: {ledger.sessions}, opening: {ledger.openings}, unknown: {ledger.unknown}"
