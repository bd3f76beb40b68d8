"""`connector status`: how the server is, and how much is owed."""

import time
from collections.abc import Iterator
from typing import Any

import typer

from connector.cli.control_client import ControlClient
from connector.cli.exits import EXIT_DOWN, exit_codes
from connector.cli.options import ConfigOption, JsonOption
from connector.cli.printing import print_json, print_table
from connector.cli.words import moment, plain, span

Facts = dict[str, Any]


def status(*, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Tell how the server is and how much is owed. Ends with 69 if the server is down; then the figures are from the file."""
    from connector.cli.seen import figures, seen

    with exit_codes():
        facts = seen(config, _live, lambda table, path: {"status": "down", "ledger": figures(table, path)})
    if as_json:
        print_json(facts)
    else:
        print_table(("what", "value"), [*_lines(facts, time.time())])
    if facts["status"] == "down":
        raise typer.Exit(EXIT_DOWN)


def _live(server: ControlClient) -> Facts:
    facts: Facts = server.get("/status")
    return facts


def _lines(facts: Facts, now: float) -> Iterator[tuple[str, str]]:
    yield "server", facts["status"]
    if facts["status"] != "down":
        yield "process", f"{facts['pid']}, up {span(facts['uptime'])}"
        yield "version", facts["version"]
        yield from ((f"driver {name}", plain(state)) for name, state in facts["drivers"].items())
        yield "metrics", facts["metrics"] or "switched off"
    match facts["ledger"]:
        case {"unavailable": reason}:
            yield "ledger", plain(reason)
        case figures:
            yield from _ledger_lines(figures, now)


def _ledger_lines(figures: Facts, now: float) -> Iterator[tuple[str, str]]:
    yield "logouts owed", str(figures["owed"])
    yield "next try", moment(figures["next_try_at"], now) or "none"
    yield "waiting for a human", str(figures["waiting"] + figures["quarantined"])
    if figures["held_back"]:
        yield "held back, made for", ", ".join(f"{plain(place)} ({number})" for place, number in figures["held_back"].items())
    yield "evictions owed", str(figures["evictions"])
    yield "oldest", moment(figures["oldest"], now) or "none"
    yield "unusable rows", str(figures["quarantined"] + figures["unreadable"])
    yield "closed, still kept", str(figures["closed"])
    yield "open sessions", str(figures["sessions"])
    if figures["older_keys"]:
        yield "older keys they need", ", ".join(f"{plain(key)} ({number})" for key, number in figures["older_keys"].items())
    yield "ledger file", f"{figures['bytes'] / 1024:.0f} KiB"
