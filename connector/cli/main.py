"""The command `connector`. A command imports what it works with when it runs, so that each starts quickly."""

from typing import Annotated

import typer

from connector.cli import (
    audit_command,
    backup_commands,
    cache_commands,
    check_config,
    console_command,
    doctor,
    drain,
    keys_commands,
    ledger_commands,
    new,
    owed_commands,
    profiles,
    rehearse,
    sessions_commands,
    status,
)
from connector.cli.endings import explained_ends
from connector.cli.options import ConfigOption, chosen
from connector.version import __version__

app = typer.Typer(
    name="connector",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they print local variables, and credentials with them
)


def main() -> None:
    """Run the command line and end the process.

    A configuration that cannot work, and a file that cannot be used, are explained without a traceback.
    """
    with explained_ends():
        app()


@app.command()
def serve(config: ConfigOption = None) -> None:
    """Serve until a signal asks to end (SIGTERM, Ctrl-C), then finish what has begun."""
    from connector.runtime.quick_imports import quick_imports

    with quick_imports():
        from connector.cli.running import serve_file
    raise typer.Exit(serve_file(chosen(config)))


app.command()(new.new)
app.command()(check_config.check_config)
app.command()(doctor.doctor)
app.command()(status.status)
app.command()(drain.drain)
app.command()(audit_command.audit)
app.command()(console_command.console)
app.command()(rehearse.rehearse)
app.command()(backup_commands.backup)
app.command()(backup_commands.restore)
app.add_typer(owed_commands.app, name="owed")
app.add_typer(sessions_commands.app, name="sessions")
app.add_typer(cache_commands.app, name="cache")
app.add_typer(profiles.app, name="profiles")
app.add_typer(ledger_commands.app, name="ledger")
app.add_typer(keys_commands.app, name="keys")


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
