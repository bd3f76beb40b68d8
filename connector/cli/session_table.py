"""The list of sessions, for a terminal: a short line for each, and below it more about it, within 80 columns."""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.segment import Segment, Segments
from rich.table import Column, Table
from rich.text import Text

from connector.admin.phrases import plain
from connector.admin.shown_sessions import ShownSession
from connector.cli.session_words import calls, idle, remark

HEADINGS = ("session", "system", "state", "idle", "calls")


def print_sessions(rows: Sequence[ShownSession], now: float) -> None:
    """Print the sessions, each with what does not fit into its line in lines of their own."""
    console = Console()
    heading, *lines = console.render_lines(table(rows), pad=False)
    console.print(Segments([*heading, Segment.line()]))
    for row, line in zip(rows, lines, strict=True):
        console.print(Segments([*line, Segment.line()]))
        if (system := plain(row.system)) not in "".join(part.text for part in line):
            console.print(Padding(Text(system), (0, 0, 0, 4)))
        console.print(Padding(Text(remark(row, now)), (0, 0, 0, 4)))


def table(rows: Sequence[ShownSession]) -> Table:
    """Return a line for each session. What is too long for the terminal is cut off the system's id."""
    columns = [Column(heading, no_wrap=heading != "system") for heading in HEADINGS]
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        values = plain(row.session), plain(row.system), row.state, idle(row), calls(row)
        table.add_row(*(Text(value, no_wrap=True, overflow="ellipsis") for value in values))
    return table
