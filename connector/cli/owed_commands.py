"""`connector owed`: show what is still owed, and act on it."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from connector.cli.control_client import Refused
from connector.cli.exits import EXIT_NOTHING, exit_codes
from connector.cli.options import ConfigOption, JsonOption
from connector.cli.printing import print_json, print_table
from connector.cli.words import HEADINGS, cells, details

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.admin.shown import Choice, ShownDebt
    from connector.cli.seen import ServerSeen

NO_SUCH_ROW = "no row is like that; `connector owed list --all` has every row"
LARGEST_ID = 10**18 - 1

IdArgument = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=LARGEST_ID, help="A row's id, as `connector owed list` shows it.")
]

app = typer.Typer(help="Logouts and evictions that are still owed: see and steer them.", no_args_is_help=True)


@app.command("list")
def list_rows(
    *,
    state: Annotated[
        Literal["owed", "waiting", "closed"] | None,
        typer.Option(help="Only those that are retried automatically, that need attention, or that are closed."),
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="ID", help="Only those of this system.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that owe nothing any more.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what is owed, the oldest first."""
    from connector.cli.seen import seen

    choice: Choice = state or ("all" if everything else "open")
    with exit_codes():
        rows = seen(config, lambda source: source.rows(choice, system))
    if as_json:
        print_json(rows)
    elif rows:
        _print_rows(rows)
    else:
        nothing = "nothing is owed" if choice == "open" and system is None else NO_SUCH_ROW
        typer.echo(nothing, err=True)


def _print_rows(rows: "list[ShownDebt]") -> None:
    from connector.cli.listing import print_listing

    now = time.time()
    if sys.stdout.isatty():
        print_listing(rows, now)
    else:
        print_table(HEADINGS, (cells(row, now) for row in rows))


@app.command()
def show(id_: IdArgument, *, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show one row. Ends with 1 if there is none."""
    from connector.cli.seen import seen

    with exit_codes():
        row = seen(config, lambda source: source.row(id_))
    if as_json:
        print_json(row)
    else:
        print_table(("what", "value"), details(row, time.time()))


@app.command()
def retry(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", min=1, max=LARGEST_ID, help="Rows to try again.")] = None,
    *,
    all_waiting: Annotated[bool, typer.Option("--all-waiting", help="All that need attention.")] = False,
    here: Annotated[
        bool, typer.Option("--here", help="Send them to today's end system, though they were made for another one.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Try logouts again now. Ends with 1 if there is none, or if one of them cannot be tried."""
    if bool(ids) is all_waiting:
        raise typer.BadParameter("expected ids, or --all-waiting")
    if here and not ids:
        raise typer.BadParameter("expected ids with --here: each credential that it sends elsewhere is named")
    with _server(config) as server:
        chosen_ids = ids or _waiting(server)
        refusals = [*_refusals(server, chosen_ids, here=here)]
    for refusal in refusals:
        typer.echo(refusal, err=True)
    typer.echo(f"due now: {len(chosen_ids) - len(refusals)}")
    if refusals:
        raise typer.Exit(EXIT_NOTHING)


@app.command()
def dismiss(
    id_: IdArgument,
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why nobody has to do it any more; kept with the row.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigOption = None,
) -> None:
    """Give up a logout for good, and forget its credential. Evictions stay owed. Ends with 1 if there is no such row."""
    if not yes:
        _confirm(id_, config)
    with _server(config) as server:
        server.dismiss(id_, reason)
    typer.echo(f"dismissed: {id_}")


def _confirm(id_: int, config: Path | None) -> None:
    """Show what would be given up, and end the command unless the answer is yes."""
    if not sys.stdin.isatty():
        raise typer.BadParameter("standard input is no terminal, so nobody can be asked; expected --yes", param_hint="--yes")
    with _server(config) as server:
        row = server.row(id_)
    print_table(("what", "value"), details(row, time.time()))
    typer.confirm("Give this logout up? If its login is still open, it stays open.", abort=True)


def _waiting(server: "ServerSeen") -> list[int]:
    """Return the ids of all that need attention and can be tried again. End the command if there is none."""
    rows = server.rows("waiting")
    if retriable := [row.id for row in rows if row.usable]:
        return retriable
    unusable = ", ".join(str(row.id) for row in rows)
    reason = f"these rows are damaged, or their key is missing: {unusable}" if unusable else "no logout needs attention"
    typer.echo(f"nothing to retry: {reason}", err=True)
    raise typer.Exit(EXIT_NOTHING)


def _refusals(server: "ServerSeen", ids: list[int], *, here: bool) -> Iterator[str]:
    """Make each due, and show the progress at a terminal; yield a line for each that cannot be tried."""
    from rich.console import Console
    from rich.progress import track

    terminal = Console(stderr=True)
    for id_ in track(ids, "retrying", console=terminal, transient=True, disable=len(ids) < 2 or not terminal.is_terminal):
        try:
            server.make_due(id_, here=here)
        except Refused as refusal:
            if refusal.passing:
                raise
            yield f"{id_}: {refusal}"


@contextmanager
def _server(config: Path | None) -> "Iterator[ServerSeen]":
    """Connect to the running server; end the command with `EXIT_DOWN` if there is none."""
    from connector.cli.seen import running_server

    with exit_codes(), running_server(config) as server:
        yield server
