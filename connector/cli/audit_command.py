"""`connector audit`: who has done what to the connector, and what came of it."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from connector.admin.phrases import plain
from connector.cli.exits import exit_codes
from connector.cli.options import ConfigOption, JsonOption
from connector.cli.printing import print_json, print_table

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.admin.shown_audit import ShownAction

HEADINGS = ("id", "when", "who", "from", "action", "target", "outcome")
UNKNOWN = "begun; nobody knows how it ended"


def audit(
    *,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1_000_000, help="At most so many lines.")] = 100,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the audit log, the newest line first: each retry, dismissal, closed session, eviction, drain and change of keys."""
    from connector.cli.seen import seen

    with exit_codes():
        rows = seen(config, lambda source: source.audit(limit))
    if as_json:
        print_json(rows)
    elif rows:
        _print_lines(rows)
    else:
        typer.echo("nobody has done anything that is kept; `audit.keep` says for how long it is", err=True)


def _print_lines(rows: "list[ShownAction]") -> None:
    if sys.stdout.isatty():
        from connector.cli.audit_listing import print_audit

        print_audit(rows)
    else:
        print_table(HEADINGS, map(_cells, rows))


def _cells(row: "ShownAction") -> tuple[str, ...]:
    texts = map(plain, (row.who, row.where, row.action, row.target, outcome(row)))
    return (str(row.id), moment(row), *texts)


def moment(row: "ShownAction") -> str:
    """Say when it was, by this machine's clock and time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.at))


def outcome(row: "ShownAction") -> str:
    """Say what became of it."""
    return UNKNOWN if row.outcome is None else row.outcome
