"""The audit log, for a terminal: a short line for each action, and below it what it was done to and what came of it."""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.segment import Segment, Segments
from rich.table import Column, Table
from rich.text import Text

from connector.admin.phrases import plain
from connector.admin.shown_audit import ShownAction
from connector.cli.audit_command import moment, outcome

HEADINGS = ("when", "action", "who", "from")


def print_audit(rows: Sequence[ShownAction]) -> None:
    """Print the actions, the newest first, within the width of the terminal."""
    console = Console()
    heading, *lines = console.render_lines(_table(rows), pad=False)
    console.print(Segments([*heading, Segment.line()]))
    for row, line in zip(rows, lines, strict=True):
        console.print(Segments([*line, Segment.line()]))
        console.print(Padding(Text(plain(f"{row.target}: {outcome(row)}")), (0, 0, 0, 4)))


def _table(rows: Sequence[ShownAction]) -> Table:
    """Return a line for each action. What is too long for the terminal is cut off from who acted, and from where."""
    whole = {"when": 19, "action": max(len(row.action) for row in rows)}
    columns = [Column(heading, no_wrap=True, min_width=whole.get(heading)) for heading in HEADINGS]
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        cells = (moment(row), *map(plain, (row.action, row.who, row.where)))
        table.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in cells))
    return table
