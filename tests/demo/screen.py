"""What the demo writes to the terminal."""

import json
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.demo.scene import LOGIN, Sight

console = Console()


def heading(text: str) -> None:
    console.print()
    console.rule(f"[bold]{escape(text)}", align="left")


def say(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)


def show_answer(call: str, status: int, body: Any) -> None:
    """Show a call as one would make it with curl, and its answer."""
    say(f"[bold cyan]{escape(call)}")
    say(f"[bold {'green' if status == 200 else 'red'}]HTTP {status}")
    console.print_json(json.dumps(body), indent=None)


def show(sight: Sight, expected: Sight) -> bool:
    """Show what was seen, mark what is not as it should be, and say whether all is."""
    columns = list(dict.fromkeys(column for row in expected.values() for column in row))
    table = Table("", *columns)
    for name, row in expected.items():
        table.add_row(name, *(_cell(column, sight[name][column], row[column]) if column in row else "" for column in columns))
    console.print(table)
    return sight == expected


def _cell(column: str, there: bool, expected: bool) -> str:
    words = ("works", "refused") if column == LOGIN else ("there", "gone")
    shown = f"[green]{words[0]}" if there else f"[yellow]{words[1]}"
    return shown if there is expected else f"{shown} [bold red](should be {words[0 if expected else 1]})"
