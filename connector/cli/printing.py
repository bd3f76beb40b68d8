"""What the commands print: tables and panels for a person at a terminal, plain lines or JSON for anything else."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output."""
    import msgspec

    sys.stdout.write(json.dumps(msgspec.to_builtins(value), indent=2) + "\n")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows on standard output. If that is no terminal: without headings, and with tabs between the cells."""
    if not sys.stdout.isatty():
        sys.stdout.writelines("\t".join(row) + "\n" for row in rows)
        return
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(*(Column(heading, overflow="fold", no_wrap=heading is headings[0]) for heading in headings))
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def print_problems(problems: Sequence[str], title: str = "This cannot work") -> None:
    """Print what is wrong on standard error, each problem on a line of its own; at a terminal in a panel with this title."""
    if not sys.stderr.isatty():
        sys.stderr.writelines(f"{problem}\n" for problem in problems)
        return
    from rich.console import Console
    from rich.panel import Panel
    from rich.text import Text

    Console(stderr=True).print(Panel(Text("\n".join(problems)), title=title, border_style="red"))
