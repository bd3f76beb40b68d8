"""`connector check-config`: the effective configuration, who set it, and whether a server would start with it."""

import asyncio
import json
import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli.options import EXIT_CONFIGURATION, ConfigOption, JsonOption, chosen
from connector.cli.printing import print_json, print_problems, print_table
from connector.model.errors import ConfigurationError

if TYPE_CHECKING:  # a command imports what it works with when it runs, so that each starts quickly
    from connector.config.settings import Settings
    from connector.preflight.loading import Configuration
    from connector.preflight.reaching import Reached

ADVICE = "Advice on the profile, which works as it is"


def check_config(
    config: ConfigOption = None,
    *,
    reach: Annotated[bool, typer.Option("--reach", help="Connect to the shared stores and the ledger's database, too.")] = False,
    as_json: JsonOption = False,
) -> None:
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
    reached = _reached(configuration.settings, beyond=reach)
    (_print_as_json if as_json else _print_as_text)(configuration, reached)
    if reached.problems:
        raise typer.Exit(EXIT_CONFIGURATION)


def _reached(settings: "Settings", *, beyond: bool) -> "Reached":
    from connector.preflight.reaching import Reached, reach
    from connector.preflight.surroundings import ready_drivers
    from connector.telemetry.logs import configure_logs

    try:
        drivers = ready_drivers(settings, os.environ)
    except ConfigurationError as found:
        return Reached(problems=found.problems)
    if not beyond:
        return Reached()
    configure_logs(settings.logs)  # what a store's driver has to say goes to standard error, as of a server
    return asyncio.run(reach(settings, drivers, os.environ))


def _print_as_json(configuration: "Configuration", reached: "Reached") -> None:
    from connector.cli.effective import effective_values
    from connector.endsystems.profile.advice import advice_on

    values, old_names = effective_values(configuration, os.environ), configuration.settings.deprecations
    shown = {value.key: {"value": value.value, "source": value.source} for value in values}
    told = {"deprecated": old_names, "advice": advice_on(configuration.end_system), "reached": reached.found}
    print_json({**_verdict(reached.problems), **{name: lines for name, lines in told.items() if lines}, "values": shown})


def _print_as_text(configuration: "Configuration", reached: "Reached") -> None:
    from connector.cli.effective import effective_values
    from connector.endsystems.profile.advice import advice_on

    values = effective_values(configuration, os.environ)
    print_table(("key", "effective", "set by"), [(value.key, json.dumps(value.value), value.source) for value in values])
    if configuration.settings.deprecations:
        print_problems(configuration.settings.deprecations, "Deprecated names, which the next version does not know")
    if advice := advice_on(configuration.end_system):
        print_problems(advice, ADVICE)
    if reached.found:
        print_table(("reached", "found"), [*reached.found.items()])
    if reached.problems:
        print_problems(reached.problems, "The configuration fits together, but a server would not start")


def _verdict(problems: list[str]) -> dict[str, Any]:
    return {"valid": False, "problems": problems} if problems else {"valid": True}
