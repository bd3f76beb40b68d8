"""`connector owed`: logouts and evictions that are still owed, seen and steered."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from connector.cli.control_client import ControlClient, Refused
from connector.cli.exits import EXIT_NOTHING, exit_codes
from connector.cli.options import ConfigOption, JsonOption, chosen
from connector.cli.printing import print_json, print_table
from connector.cli.words import HEADINGS, Row, cells, details

PAGE = 500
"""Rows that the server is asked for at a time."""

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
        typer.Option(help="Only those that are retried by themselves, that wait for a human, or that are closed."),
    ] = None,
    system: Annotated[str | None, typer.Option(metavar="ID", help="Only those of this system.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that owe nothing any more.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what is owed, the oldest first."""
    from connector.admin.owed import shown_debt, states_of
    from connector.cli.seen import seen
    from connector.ledger.sqlite.housekeeping import listing

    choice = state or ("all" if everything else "open")
    with exit_codes():
        rows = seen(
            config,
            lambda server: [*_rows(server, state=choice, system=system)],
            lambda table, _: [*map(shown_debt, listing(table, states_of(choice), system, after=0, limit=sys.maxsize))],
        )
    if as_json:
        print_json(rows)
    elif rows:
        _print_rows(rows)
    else:
        nothing = "nothing is owed" if choice == "open" and system is None else NO_SUCH_ROW
        typer.echo(nothing, err=True)


def _print_rows(rows: list[Row]) -> None:
    from connector.cli.listing import print_listing

    now = time.time()
    if sys.stdout.isatty():
        print_listing(rows, now)
    else:
        print_table(HEADINGS, (cells(row, now) for row in rows))


@app.command()
def show(id_: IdArgument, *, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show one row. Ends with 1 if there is none."""
    from connector.admin.owed import shown_debt
    from connector.cli.seen import seen
    from connector.ledger.sqlite.housekeeping import debt

    with exit_codes():
        row: Row = seen(config, lambda server: server.get(f"/owed/{id_}"), lambda table, _: shown_debt(debt(table, id_)))
    if as_json:
        print_json(row)
    else:
        print_table(("what", "value"), details(row, time.time()))


@app.command()
def retry(
    ids: Annotated[list[int] | None, typer.Argument(metavar="[ID]...", min=1, max=LARGEST_ID, help="Rows to try again.")] = None,
    *,
    all_waiting: Annotated[bool, typer.Option("--all-waiting", help="All that wait for a human.")] = False,
    here: Annotated[
        bool, typer.Option("--here", help="Send them to today's end system, though they were made for another one.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Have logouts tried again now. Ends with 1 if there is none, or one of them cannot be."""
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
        server.post(f"/owed/{id_}/dismiss", {"reason": reason})
    typer.echo(f"dismissed: {id_}")


def _confirm(id_: int, config: Path | None) -> None:
    """Show a person what is to be given up, and end the command unless the answer is yes."""
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody is there to be asked; expected --yes", param_hint="--yes")
    with _server(config) as server:
        row = server.get(f"/owed/{id_}")
    print_table(("what", "value"), details(row, time.time()))
    typer.confirm("Give this logout up? If its login is still open, it stays open.", abort=True)


def _waiting(server: ControlClient) -> list[int]:
    """Return the ids of all that wait for a human and can be tried again; end the command if there is none."""
    rows = [*_rows(server, state="waiting")]
    if retriable := [row["id"] for row in rows if row["usable"]]:
        return retriable
    unusable = ", ".join(str(row["id"]) for row in rows)
    reason = f"what waits is damaged, or its key is missing: {unusable}" if unusable else "no logout waits for a human"
    typer.echo(f"nothing to retry: {reason}", err=True)
    raise typer.Exit(EXIT_NOTHING)


def _rows(server: ControlClient, **query: str | None) -> Iterator[Row]:
    after = 0
    while page := server.get("/owed", {**query, "after": after, "limit": PAGE}):
        yield from page
        after = page[-1]["id"]


def _refusals(server: ControlClient, ids: list[int], *, here: bool) -> Iterator[str]:
    """Have each tried again, showing a person how far it is; yield a line for each that cannot be."""
    from rich.console import Console
    from rich.progress import track

    terminal = Console(stderr=True)
    for id_ in track(ids, "retrying", console=terminal, transient=True, disable=len(ids) < 2 or not terminal.is_terminal):
        try:
            server.post(f"/owed/{id_}/retry", {"here": here})
        except Refused as refusal:
            if refusal.passing:
                raise
            yield f"{id_}: {refusal}"


@contextmanager
def _server(config: Path | None) -> Iterator[ControlClient]:
    """Connect to the running server; end with `EXIT_DOWN` if there is none."""
    from connector.preflight.loading import read

    with exit_codes(), ControlClient(read(chosen(config), os.environ).settings.control.socket) as server:
        yield server
