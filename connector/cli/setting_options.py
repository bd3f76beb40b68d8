"""The settings of a login on trial: from a file, from variables or hidden input. Never from an argument."""

import os
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

import typer

from connector.cli.header_options import from_variable
from connector.endsystems.authored import settings_problems
from connector.endsystems.end_system import EndSystem
from connector.endsystems.profile.http_end_system import HttpEndSystem
from connector.endsystems.profile.setting import MISSING
from connector.model.errors import ConfigurationError
from connector.rehearsal.settings_file import read_settings

Settings = dict[str, str]

WAYS = "give it by --settings or --setting-env {name}=VARIABLE, or at a terminal, which asks"


def given_settings(from_variables: Iterable[str], file: Path | None) -> Settings:
    """Return the settings of the file and of the variables, which win.

    Raises:
        ConfigurationError: the file cannot be used.
        typer.BadParameter: an option cannot; no value is in the message.
    """
    of_file = {pair.key: pair.value for pair in read_settings(file, os.environ)} if file else {}
    return of_file | dict(from_variable(pair, os.environ, "--setting-env") for pair in from_variables)


def complete_settings(settings: Settings, end_system: EndSystem) -> Settings:
    """Ask for the required settings that are not given. They stay missing if standard input is no terminal."""
    if not sys.stdin.isatty() or not isinstance(end_system, HttpEndSystem):
        return settings
    declared = end_system.profile.settings.items()
    missing = [name for name, setting in declared if setting.required and not settings.get(name)]
    # Hidden, also what is no secret by the profile: a name that was typed in the wrong place may be a password.
    return settings | {name: typer.prompt(name, hide_input=True, err=True) for name in missing}


def check_settings(settings: Mapping[str, str], end_system: EndSystem) -> None:
    """Raise `ConfigurationError` with all that is wrong with the settings."""
    if problems := settings_problems(end_system, settings):
        raise ConfigurationError([f"settings: {problem}{_remedy(problem, settings)}" for problem in problems])


def _remedy(problem: str, settings: Mapping[str, str]) -> str:
    """Say how a missing setting is given. One that was given by a similar name is mistyped."""
    name, _, fault = problem.partition(": ")
    if fault != MISSING:
        return ""
    mistyped = get_close_matches(name, settings, n=1)
    return f"; is `{mistyped[0]}` mistyped?" if mistyped else f"; {WAYS.format(name=name)}"
