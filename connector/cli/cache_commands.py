"""`connector cache`: show what is cached, and evict all of one system."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.admin.phrases import plain
from connector.cli.exits import exit_codes
from connector.cli.options import EXIT_NOT_NOW, ConfigOption, JsonOption
from connector.cli.printing import print_json, print_table

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.admin.shown_caches import EvictedSystem, ShownCaches
    from connector.cli.seen import ServerSeen


app = typer.Typer(help="What is cached: see it, and evict all of a system.", no_args_is_help=True)


@app.command()
def show(
    *,
    system: Annotated[
        str | None, typer.Option(metavar="ID", help="Of this system. Default: of those of which sessions are open.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what each store holds and how often it has answered, and what of it belongs to which system."""
    with _server(config) as server:
        found = server.caches(system)
    if as_json:
        print_json(found)
    else:
        _print_caches(found)


@app.command()
def evict(
    *,
    system: Annotated[str, typer.Option(metavar="ID", help="The system whose cache goes, with those of its sessions.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Evict all that is cached of a system, as a cleanup with `cleanupGlobalCache` does. No session is logged out.

    Ends with 75 if a store is away: it owes the eviction then, and serves nothing of the system until it is done.
    """
    if dry_run:
        show(system=system, config=config, as_json=as_json)
        typer.echo("nothing was evicted: this is what is there", err=True)
        return
    with _server(config) as server:
        evicted = server.evict(system)
    if as_json:
        print_json(evicted)
    else:
        _print_evicted(evicted)
    if evicted.owed:
        raise typer.Exit(EXIT_NOT_NOW)


def _print_caches(found: "ShownCaches") -> None:
    from connector.cli.cache_tables import STORES, SYSTEMS, store_rows, system_rows

    print_table(STORES, store_rows(found))
    if rows := [*system_rows(found)]:
        print_table(SYSTEMS, rows)
    else:
        typer.echo("no session of a system is open; --system names one", err=True)
    if found.more:
        typer.echo(f"of more than {len(found.systems)} systems sessions are open; --system names one", err=True)


def _print_evicted(evicted: "EvictedSystem") -> None:
    hooks = {f"hook {name}": outcome for name, outcome in evicted.hooks.items()}
    print_table(("what", "outcome"), [(name, plain(outcome)) for name, outcome in {**evicted.evictions, **hooks}.items()])
    if evicted.owed:
        kept = "is recorded, and done" if evicted.recorded else "is in the server's memory only, and done"
        typer.echo(f"owed: the eviction from {', '.join(evicted.owed)} {kept} once it can be", err=True)


@contextmanager
def _server(config: Path | None) -> "Iterator[ServerSeen]":
    """Connect to the running server; end the command with `EXIT_DOWN` if there is none."""
    from connector.cli.seen import running_server

    with exit_codes(), running_server(config) as server:
        yield server
