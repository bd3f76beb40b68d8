"""`connector check-config`: the effective configuration, who set it, and whether a server would start with it."""

import json
import os
from typing import TYPE_CHECKING, Any

import typer

from connector.cli.options import EXIT_CONFIGURATION, ConfigOption, JsonOption, chosen
from connector.cli.printing import print_json, print_problems, print_table
from connector.model.errors import ConfigurationError

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.config.settings import Settings
    from connector.preflight.loading import Configuration

ADVICE = "Advice on the profile, which works as it is"


def check_config(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Check all that `serve` checks, and open nothing. Show the effective values and who set them, but no secret.

    Ends with 0 if a server would start, as far as one can tell, and with 78 if it would refuse.
    """
    from connector.preflight.loading import read

    try:
        configuration = read(chosen(config), os.environ)
    except ConfigurationError as found:
        if not as_json:
            raise
        print_json(_verdict(found.problems))
        raise typer.Exit(EXIT_CONFIGURATION) from found
    problems = _unready(configuration.settings)
    (_print_as_json if as_json else _print_as_text)(configuration, problems)
    if problems:
        raise typer.Exit(EXIT_CONFIGURATION)


def _unready(settings: "Settings") -> list[str]:
    from connector.preflight.surroundings import ready_drivers

    try:
        ready_drivers(settings, os.environ)
    except ConfigurationError as found:
        return found.problems
    return []


def _print_as_json(configuration: "Configuration", problems: list[str]) -> None:
    from connector.cli.effective import effective_values
    from connector.endsystems.profile.advice import advice_on

    values, old_names = effective_values(configuration, os.environ), configuration.settings.deprecations
    shown = {value.key: {"value": value.value, "source": value.source} for value in values}
    told = {"deprecated": old_names, "advice": advice_on(configuration.end_system)}
    print_json({**_verdict(problems), **{name: lines for name, lines in told.items() if lines}, "values": shown})


def _print_as_text(configuration: "Configuration", problems: list[str]) -> None:
    from connector.cli.effective import effective_values
    from connector.endsystems.profile.advice import advice_on

    values = effective_values(configuration, os.environ)
    print_table(("key", "effective", "set by"), [(value.key, json.dumps(value.value), value.source) for value in values])
    if configuration.settings.deprecations:
        print_problems(configuration.settings.deprecations, "Deprecated names, which the next version does not know")
    if advice := advice_on(configuration.end_system):
        print_problems(advice, ADVICE)
    if problems:
        print_problems(problems, "The configuration fits together, but a server would not start")


def _verdict(problems: list[str]) -> dict[str, Any]:
    return {"valid": False, "problems": problems} if problems else {"valid": True}
