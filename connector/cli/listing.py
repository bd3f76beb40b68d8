"""The list of what is owed, for a terminal: a short line for each row, and below it the reason, within 80 columns."""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.segment import Segment, Segments
from rich.table import Column, Table
from rich.text import Text

from connector.admin.phrases import moment, plain
from connector.admin.shown import ShownDebt
from connector.cli.words import remark

HEADINGS = ("id", "session", "system", "state", "tries", "next try")
LONGEST_SESSION = 9
"""Enough of a UUID to tell one row from another; `connector owed show` has all of it."""
LONGEST_SYSTEM = 24


def print_listing(rows: Sequence[ShownDebt], now: float) -> None:
    """Print the rows, each with its reason, the end system's last answer and the evictions it owes in a line of their own."""
    console = Console()
    heading, *lines = console.render_lines(_table(rows, now), pad=False)
    console.print(Segments([*heading, Segment.line()]))
    for row, line in zip(rows, lines, strict=True):
        console.print(Segments([*line, Segment.line()]))
        if text := remark(row):
            console.print(Padding(Text(text), (0, 0, 0, 4)))


def _table(rows: Sequence[ShownDebt], now: float) -> Table:
    """Return a line for each row: what is too long for its column is cut off."""
    table = Table(*(Column(heading, no_wrap=True) for heading in HEADINGS), box=None, pad_edge=False)
    for row in rows:
        session, system = _short(plain(row.session), LONGEST_SESSION), _short(plain(row.system), LONGEST_SYSTEM)
        cells = (str(row.id), session, system, row.state, str(row.attempts), moment(row.next_try_at, now))
        table.add_row(*map(Text, cells))
    return table


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"
