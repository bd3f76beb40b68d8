"""`connector serve`, and what `connector` takes before any command. The other commands are no part of a server's start."""

from typing import Annotated

import typer

from connector.cli.options import ConfigOption, chosen
from connector.version import __version__

app = typer.Typer(
    name="connector",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they print local variables, and credentials with them
)


@app.command()
def serve(config: ConfigOption = None) -> None:
    """Serve until a signal asks to end (SIGTERM, Ctrl-C), then finish what has begun."""
    from connector.runtime.quick_imports import quick_imports

    with quick_imports():
        from connector.cli.running import serve_file
    raise typer.Exit(serve_file(chosen(config)))


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def connector(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """The session half of an OpsHub connector: opens sessions, keeps what they cache, and ends both for certain."""
