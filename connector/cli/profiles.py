"""`connector profiles`: which end systems come with the connector, and trying one for real."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from connector.cli.options import EXIT_CONFIGURATION, ConfigOption, JsonOption, chosen
from connector.cli.printing import print_json, print_problems, print_table
from connector.model.errors import ConfigurationError
from connector.model.outcomes import LogoutResult

EXIT_REFUSED = 1
EXIT_PENDING = 75
"""Trying again later may help: `EX_TEMPFAIL` of sysexits.h."""

NO_SUCH_PROFILE = "no bundled profile"
WHERE_PROFILES_ARE = "(`connector profiles list` says what each is for; a file of your own ends in .toml)"

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A bundled profile, or the path of a .toml file.")]

app = typer.Typer(help="Which end systems come with the connector, and trying one for real.", no_args_is_help=True)


@app.command("list")
def list_profiles(*, as_json: JsonOption = False) -> None:
    """List the bundled profiles."""
    from connector.endsystems.profile.bundled import bundled_names, load_profile

    descriptions = {name: load_profile(name).description for name in bundled_names()}
    if as_json:
        print_json(descriptions)
    else:
        print_table(("profile", "what it logs out of"), descriptions.items())


@app.command()
def show(name: NameArgument) -> None:
    """Print a profile, for instance to begin one of your own with it."""
    from connector.endsystems.profile.bundled import profile_text

    with _about_arguments():
        text = profile_text(name)
    typer.echo(text, nl=False)


@app.command("test")
def try_out(
    name: NameArgument,
    *,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="Where the system is; default: as configured.")] = None,
    header_env: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VARIABLE", help="Take a header's value from an environment variable.")
    ] = None,
    headers_file: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Take headers from a file with a line `Name: value` for each.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Log a real session out, step by step. Headers that are not given are asked for; none is ever shown.

    Ends with 0 if the session is out, 1 if a step was refused, 75 if trying again later may help.
    """
    from connector.cli.header_options import complete, given_headers
    from connector.cli.trial import end_system_on_trial, try_logout
    from connector.preflight.loading import read

    configured = read(chosen(config), os.environ).settings.end_system
    with _about_arguments():
        end_system = end_system_on_trial(configured, name, base_url)
    headers = complete(given_headers(header_env or [], headers_file, os.environ), end_system.needed_headers or ())
    outcome = asyncio.run(try_logout(end_system, headers, as_json=as_json))
    match outcome.result:
        case LogoutResult.PENDING:
            raise typer.Exit(EXIT_PENDING)
        case _ if not outcome.closes:
            raise typer.Exit(EXIT_REFUSED)


@contextmanager
def _about_arguments() -> Iterator[None]:
    """End the command if a profile cannot be used. The problems name what was typed, not what it stands for."""
    try:
        yield
    except ConfigurationError as found:
        print_problems([*dict.fromkeys(map(_as_typed, found.problems))], "The profile cannot be used")
        raise typer.Exit(EXIT_CONFIGURATION) from found


def _as_typed(line: str) -> str:
    if line.startswith("end_system.base_url: is missing"):
        return "--base-url: is missing, and so is end_system.base_url"
    line = line.replace("end_system.profile: ", "NAME: ", 1)
    return f"{line} {WHERE_PROFILES_ARE}" if NO_SUCH_PROFILE in line else line
