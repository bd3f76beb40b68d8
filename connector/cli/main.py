"""The command `connector`. A command imports what it works with when it runs, so that each starts quickly."""

import json
import os
import sys
from typing import Annotated

import typer

from connector.cli import owed, profiles, rehearse, status
from connector.cli.options import ConfigOption, JsonOption, chosen
from connector.cli.printing import print_json, print_problems, print_table
from connector.errors import ConfigurationError

EXIT_CONFIGURATION = 78
"""The configuration cannot work: `EX_CONFIG` of sysexits.h."""

app = typer.Typer(
    name="connector",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # they print local variables, and credentials with them
)
app.add_typer(profiles.app, name="profiles")
app.add_typer(owed.app, name="owed")
app.command()(status.status)
app.command()(rehearse.rehearse)


def main() -> None:
    """Run the command line and end the process. A configuration that cannot work is explained, without a traceback."""
    try:
        app()
    except ConfigurationError as found:
        print_problems(found.problems)
        sys.exit(EXIT_CONFIGURATION)


@app.command()
def serve(config: ConfigOption = None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what has begun."""
    from connector.cli.running import serve_file

    raise typer.Exit(serve_file(chosen(config)))


@app.command()
def check_config(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Check the configuration; show what is in effect and who set it. Secrets do not show."""
    from connector.cli.effective import effective_values
    from connector.config.loading import read

    try:
        values = effective_values(read(chosen(config), os.environ))
    except ConfigurationError as found:
        if not as_json:
            raise
        print_json({"valid": False, "problems": found.problems})
        raise typer.Exit(EXIT_CONFIGURATION) from found
    if as_json:
        print_json({"valid": True, "values": {value.key: {"value": value.value, "source": value.source} for value in values}})
    else:
        rows = [(value.key, json.dumps(value.value), value.source) for value in values]
        print_table(("key", "value", "set by"), rows)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("opshub-connector-session"))
        raise typer.Exit


@app.callback()
def connector(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """The session half of an OpsHub connector: ends sessions in their end system and evicts what was cached for them."""
