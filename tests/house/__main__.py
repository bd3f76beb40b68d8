"""Counts this checkout, or the checkouts whose folders are given, side by side."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tests.house.count import House, Longest, counted

HERE = Path(__file__).parents[2]
WORDS = {
    "rooms": "rooms",
    "loose_modules": "loose modules",
    "arrows": "arrows between them",
    "cycles_of_rooms": "cycles of rooms",
    "cycles_of_modules": "cycles of modules",
    "shared_names": "names that two modules share",
    "modules": "modules",
    "lines": "lines",
    "longest_module": "longest module",
    "functions": "functions",
    "median_function": "lines of a body, median",
    "longest_function": "longest body",
    "comments_per_100_lines": "comments per 100 lines",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table, or JSON, with what was counted of each checkout."""
    parser = argparse.ArgumentParser(prog="python -m tests.house", description=__doc__)
    parser.add_argument("checkouts", nargs="*", type=Path, default=[HERE], metavar="CHECKOUT", help="Default: this one.")
    parser.add_argument("--json", action="store_true", help="Print a list with an object for each checkout.")
    given = parser.parse_args(arguments)
    try:
        houses = [counted(checkout) for checkout in given.checkouts]
    except FileNotFoundError as problem:
        parser.error(f"{problem}; name the folder of a checkout")
    sys.stdout.write(json.dumps([*map(asdict, houses)], indent=2) + "\n" if given.json else "".join(_rows(houses)))


def _rows(houses: Sequence[House]) -> Iterator[str]:
    for key, words in WORDS.items():
        yield f"| {words} | " + " | ".join(_cell(getattr(house, key)) for house in houses) + " |\n"


def _cell(value: object) -> str:
    match value:
        case Longest(name, lines):
            return f"{lines} lines (`{name}`)"
        case list():
            return str(len(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
