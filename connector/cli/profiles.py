"""`connector profiles`: which end systems come with the connector, and trying one for real."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli.options import EXIT_CONFIGURATION, EXIT_NOT_NOW, ConfigOption, JsonOption, chosen
from connector.cli.printing import print_json, print_problems, print_table
from connector.model.errors import ConfigurationError
from connector.model.outcomes import LoginResult, LogoutOutcome, LogoutResult

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.endsystems.end_system import EndSystem

EXIT_REFUSED = 1

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
    settings: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Log in with the settings of this file, JSON or TOML, as for `rehearse`.")
    ] = None,
    setting_env: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VARIABLE", help="Take a setting's value from an environment variable.")
    ] = None,
    header_env: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VARIABLE", help="Take a header's value from an environment variable.")
    ] = None,
    headers_file: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Take headers from a file with a line `Name: value` for each.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Log in to a real system, out of it and out once more, step by step, and say which promises hold.

    If headers are given, or the profile has no login, it only logs out of their session. What is not given is asked for; no
    value is ever shown. Ends with 0 if the session is out, 1 if a step was refused, 75 if trying again later may help.
    """
    from connector.cli.trial import end_system_on_trial, makes_logins
    from connector.preflight.loading import read

    configured = read(chosen(config), os.environ).settings.end_system
    with _about_arguments():
        end_system = end_system_on_trial(configured, name, base_url)
        if makes_logins(end_system) and not (header_env or headers_file):
            found = _login_tried(end_system, setting_env or [], settings, as_json=as_json)
        else:
            found = _logout_tried(end_system, header_env or [], headers_file, as_json=as_json)
    if found:
        raise typer.Exit(found)


def _login_tried(end_system: "EndSystem", variables: list[str], file: Path | None, *, as_json: bool) -> int:
    from connector.cli import trial_shown
    from connector.cli.promises import Promise, promises
    from connector.cli.setting_options import check_settings, complete_settings, given_settings
    from connector.cli.trial import try_login
    from connector.endsystems.profile.advice import advice_on
    from connector.rehearsal.report import CheckResult
    from connector.runtime.signals import take_as_ctrl_c

    values = complete_settings(given_settings(variables, file), end_system)
    check_settings(values, end_system)
    take_as_ctrl_c()
    life = asyncio.run(try_login(end_system, values, _unseen if as_json else trial_shown.show))
    found = [*promises(life)]
    if life.logout is not None:
        found += [Promise("advice", CheckResult.WARN, line) for line in advice_on(end_system)]
    if as_json:
        trial_shown.print_life(life, found)
    else:
        trial_shown.show_promises(found)
    if life.login.result is LoginResult.UNAVAILABLE:
        return EXIT_NOT_NOW
    if not life.is_whole or any(promise.verdict.value == "fail" for promise in found):
        return EXIT_REFUSED
    return _exit_code(life.logout.outcome) if life.logout else 0


def _logout_tried(end_system: "EndSystem", variables: list[str], file: Path | None, *, as_json: bool) -> int:
    from connector.cli import trial_shown
    from connector.cli.header_options import complete, given_headers
    from connector.cli.trial import try_logout

    headers = complete(given_headers(variables, file, os.environ), end_system.needed_headers or ())
    tried = asyncio.run(try_logout(end_system, headers, _unseen if as_json else trial_shown.show))
    if as_json:
        trial_shown.print_logout(tried)
    return _exit_code(tried.outcome)


def _exit_code(outcome: LogoutOutcome) -> int:
    if outcome.result is LogoutResult.PENDING:
        return EXIT_NOT_NOW
    return 0 if outcome.closes else EXIT_REFUSED


def _unseen(_: object) -> None:
    """Show nothing yet, because JSON comes at the end."""


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
